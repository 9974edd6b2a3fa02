"""A request to an ASGI application with no server between: exact bytes in, exact bytes out.

`call` also holds the application to the ASGI specification, so that nothing passes here which a real server
would refuse.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.wire.asgi import ASGIApp, Message

HeaderPairs = Iterable[tuple[str, str | bytes]]
CLIENT = ("203.0.113.7", 50_000)
_HEADER_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One Set-Cookie header. `marks` has the attributes, names as they were sent, "" where there is no value."""

    name: str
    value: str
    marks: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "SetCookie":
        first, *rest = text.split("; ")
        name, _, value = first.partition("=")
        pairs = [mark.partition("=") for mark in rest]
        assert len({key for key, _, _ in pairs}) == len(pairs), "an attribute stands twice"
        return cls(name, value, {key: mark for key, _, mark in pairs})

    @property
    def is_deletion(self) -> bool:
        return self.marks.get("Max-Age") == "0"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code, once the document has been found to be one."""
        assert self.one("content-type") == "application/problem+json"
        document = self.json()
        assert document["status"] == self.status
        assert document["type"] == f"urn:gatepass:problem:{document['code']}"
        assert document["title"]
        assert document["detail"]
        return str(document["code"])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    def one(self, name: str) -> str:
        value = self.get(name)
        assert value is not None, f"there is no {name}"
        return value

    @property
    def cookies(self) -> list[SetCookie]:
        return [SetCookie.parse(text) for text in self.all("set-cookie")]

    def cookie(self, name: str) -> SetCookie:
        (found,) = (cookie for cookie in self.cookies if cookie.name == name)
        return found


class ClientWentAway(Exception):
    """The application answered nothing, as it must when the request never became whole."""


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: HeaderPairs = (),
    body: bytes = b"",
    chunks: Sequence[bytes] | None = None,
    disconnect: bool = False,
    client: tuple[str, int] | None = CLIENT,
    root_path: str = "",
    raw_path: bytes | None = None,
    query: bytes = b"",
    state: Mapping[str, object] | None = None,
    http_version: str = "1.1",
) -> Answer:
    """Send one request. `chunks` replaces `body`; with `disconnect` the client goes away after the last one."""
    raw = [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers
    ]
    framed = {b"content-length", b"transfer-encoding"} & {name for name, _ in raw}
    if chunks is not None and not framed and http_version == "1.1":
        raw.append((b"transfer-encoding", b"chunked"))
    elif body and not framed and http_version == "1.1":
        raw.append((b"content-length", str(len(body)).encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": http_version,
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("utf-8", "replace") if raw_path is None else raw_path,
        "query_string": query,
        "root_path": root_path,
        "headers": raw,
        "client": client,
        "server": ("gate.example", 443),
    }
    if state is not None:
        scope["state"] = dict(state)
    inbox = _messages(chunks if chunks is not None else [body], disconnect=disconnect)
    sent: list[Message] = []

    async def receive() -> Message:
        if inbox:
            return inbox.pop(0)
        if not disconnect:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return _answer(sent, is_head=method == "HEAD")


def _messages(chunks: Sequence[bytes], *, disconnect: bool) -> list[Message]:
    last = len(chunks) - 1
    return [
        {"type": "http.request", "body": chunk, "more_body": disconnect or place < last}
        for place, chunk in enumerate(chunks)
    ]


def _answer(sent: Sequence[Message], *, is_head: bool) -> Answer:
    if not sent:
        raise ClientWentAway
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert bodies, "the response was never finished"
    assert all(message["type"] == "http.response.body" for message in bodies)
    assert all(message.get("more_body", False) for message in bodies[:-1])
    assert not bodies[-1].get("more_body", False)
    body = b"".join(message.get("body", b"") for message in bodies)
    for name, value in start["headers"]:
        assert _HEADER_NAME.fullmatch(name), name
        assert _HEADER_VALUE.fullmatch(value), value
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in start["headers"])
    lengths = [int(value) for name, value in headers if name == "content-length"]
    assert lengths in ([], [len(body)]) or (is_head and not body), "HEAD has the length of GET, and no body"
    return Answer(start["status"], headers, body)
