"""A whole server without sockets: the connections, the endpoints, a store and the journal that `gatepass serve` has.

    async with serving("sqlite:///bench.db") as server:
        lines = await server.sign_in(32)          connections with a session each
        requests = [line.request() for line in lines]
        for line, request in zip(lines, requests): line.give(request)
        for line in lines: line.take(await line.answer())

A request is given to the real protocol as bytes, and the response is what the protocol writes to its transport. What
the kernel does for a socket is not in it, nor is the load generator.
"""

import asyncio
import base64
import contextlib
import hmac
import json
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from gatepass import Gatepass
from gatepass.core.rate import Rate
from gatepass.runtime.event_log import EventLog
from gatepass.runtime.log_queue import LogQueue
from gatepass.server.limits import Limits
from gatepass.serving.admission import Admission
from gatepass.serving.http_protocol import HttpProtocol
from gatepass.system import new_secret
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import ASGIApp

URL = "http://localhost:8000"
_COUNTED = Rate(900_000_000, 3600)  # counted, so that counting is measured, but never refused
_COOKIE = re.compile(rb"set-cookie: (gatepass_\d+|gatepass_state_\d+)=([^;\r\n]+)", re.IGNORECASE)
_STATE = "gatepass_state_8000"


class Ends(asyncio.Transport):
    """The far end of a connection: keeps what is written, and wakes who waits for it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.7", 4711), "sockname": ("127.0.0.1", 8000)})
        self.written: asyncio.Future[bytes] | None = None

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """A response of the endpoints is one write."""
        if self.written is not None and not self.written.done():
            self.written.set_result(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    abort = pause_reading = resume_reading = close


class Line:
    """One connection, and the client at its far end, whose work is not measured."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, ws="none", lifespan="off", access_log=False, log_config=None, server_header=False, proxy_headers=False
        )
        config.load()
        protocol = type("AdmittingProtocol", (HttpProtocol,), {"admission": Admission(10_000)})
        self.ends = Ends()
        self.protocol: HttpProtocol = protocol(config, ServerState(), {})
        self.protocol.connection_made(self.ends)
        self.key = secrets.token_bytes(32)
        self.cookies: dict[str, str] = {}

    @property
    def sid(self) -> bytes:
        """Its session."""
        return bytes.fromhex(self.cookies[_STATE].split(".")[0])

    def post(self, path: str, headers: list[str], body: bytes = b"") -> bytes:
        """A request as it comes over the wire."""
        head = [f"POST {path} HTTP/1.1", "Host: localhost:8000", f"Content-Length: {len(body)}"]
        head += ["Content-Type: application/json"] if body else []
        return "\r\n".join([*head, *headers, "", ""]).encode() + body

    def request(self) -> bytes:
        """The next refresh."""
        sid, generation, challenge, _ = self.cookies[_STATE].split(".")
        mac = hmac.digest(self.key, f"gatepass refresh|{sid}|{generation}|{challenge}".encode(), "sha256")
        proof = base64.urlsafe_b64encode(mac)[:22].decode()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self.post(
            "/auth/refresh",
            [
                f"Gatepass-Proof: {generation}.{challenge}.{proof}",
                f"Gatepass-Session: {sid}",
                "Sec-Fetch-Site: same-origin",
                f"Cookie: {cookies}",
            ],
        )

    def give(self, request: bytes) -> None:
        """Let the protocol have it."""
        self.ends.written = asyncio.get_running_loop().create_future()
        self.protocol.data_received(request)

    async def answer(self) -> bytes:
        """What was written."""
        assert self.ends.written is not None
        return await self.ends.written

    def take(self, answer: bytes) -> None:
        """Keep the cookies. Anything but a success ends the benchmark."""
        if answer[9:11] != b"20":
            raise SystemExit(f"answered with {answer[:300]!r}")
        self.cookies.update((name.decode(), value.decode()) for name, value in _COOKIE.findall(answer))


@dataclass(slots=True)
class Server:
    """A gate that is open, and the journal that hears its events."""

    gate: Gatepass
    journal: EventLog
    is_registered: bool = False

    async def sign_in(self, count: int) -> list[Line]:
        """So many sessions of one account, bound as browsers bind them."""
        lines = [Line(self.gate.served) for _ in range(count)]
        for line in lines:
            secret = base64.urlsafe_b64encode(line.key).decode().rstrip("=")
            body = {"email": "b@example.com", "password": "correct horse battery", "binding_secret": secret}
            path = "/auth/login" if self.is_registered else "/auth/register"
            self.is_registered = True
            line.give(line.post(path, ["Gatepass-Client: 1"], json.dumps(body).encode()))
            line.take(await line.answer())
        return lines


@contextlib.asynccontextmanager
async def serving(store: str, *, sessions: str = "") -> AsyncIterator[Server]:
    """A gate on this store, with the journal of `gatepass serve` on a stream that is not read."""
    limits = Limits(refresh_rate=_COUNTED, address_refresh_rate=_COUNTED, registration_rate=_COUNTED)
    more: dict[str, Any] = {"sessions": sessions} if sessions else {}
    gate = Gatepass(secrets=[new_secret()], public_url=URL, store=store, hasher=FastHasher(), limits=limits, **more)
    with open(os.devnull, "w") as stream:  # noqa: ASYNC230 (opened once, before anything is measured)
        log = LogQueue(stream)
        log.start()
        journal = EventLog(log)  # type: ignore[arg-type]
        gate.events.add(journal)
        logging.getLogger("gatepass.events").setLevel(logging.CRITICAL + 1)
        try:
            async with gate.running():
                yield Server(gate, journal)
        finally:
            log.close()
