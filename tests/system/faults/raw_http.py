"""One keep-alive connection and the few lines of HTTP/1.1 that a refresh needs.

A client library would hide what this suite tests: when exactly a request is lost, and that the very same bytes are sent
again. Any failure below HTTP is `None`: the client does not know what the server did.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from tools.services.patience import patience

_COOKIE = re.compile(rb"set-cookie: (gatepass_\d+|gatepass_state_\d+)=([^;\r\n]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response."""

    status: int
    cookies: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, or an empty text."""
        return str(self.json().get("code", "")) if self.status >= 400 and self.body else ""


class RawConnection:
    """A connection to a loopback port, opened when needed and again after every loss. One request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, headers: list[str], body: bytes = b"") -> Answer | None:
        """Send a request. Returns None if no complete response arrived."""
        return await self.send(compose(path, self.port, headers, body))

    async def send(self, request: bytes) -> Answer | None:
        """Send exactly these bytes. Returns None if no complete response arrived."""
        try:
            async with patience():  # longer than any time-out of a server: a lost answer is a broken connection
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
                self._writer.write(request)
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await self._reader.readexactly(int(length[1])) if length else b""
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return None
        if b"connection: close" in head.lower():
            self.close()
        cookies = {name.decode(): value.decode() for name, value in _COOKIE.findall(head)}
        return Answer(int(head.split(b" ", 2)[1]), cookies, body)

    def close(self) -> None:
        """Reset the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = None


def compose(path: str, port: int, headers: list[str], body: bytes, *, method: str = "POST") -> bytes:
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}", f"Content-Length: {len(body)}"]
    if body:
        head.append("Content-Type: application/json")
    return "\r\n".join([*head, *headers, "", ""]).encode() + body
