"""uvicorn's HTTP protocol, writing what one turn of the event loop answered at its end.

ASGI sends an answer in two messages, and uvicorn writes each to its socket at once: two system calls, two packets,
and a client that is woken by the head only to wait for the body. Here an answer is one write. And the answers of one
turn go out one after another when the work of the turn is done: the first write wakes whoever reads on this
machine (a proxy, usually), the others find him awake. Under load that is a quarter of the server's time; alone, an
answer waits for nothing.

uvicorn also takes heads of any size, at any pace. Here a head is bounded in size, fields and time, and a body in time;
what is beyond is answered once, as plainly as it can be, and its connection closed. Nothing is timed per request:
`sweep` looks at all connections once a second.

httptools comes with the extra `server` on CPython. uvicorn is imported here and in `serving`, nowhere else.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatepass.errors import Problem
from gatepass.wire.problems import MEDIA_TYPE, document

ENOUGH = 16 * 1024
"""Bytes that wait for no more: above it a system call is nothing, and a stream must feel a slow reader."""

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its header fields. Browsers and proxies keep to 8 to 32 KB."""
MAX_URL = 8 * 1024
MAX_FIELDS = 100

COURTESY = 2.0
"""Seconds more for a body: our endpoints have a deadline of their own, and a better answer."""


class GatheringTransport:
    """A transport whose writes gather until the loop turns."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with what follows."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._gathered:
            gathered = b"".join(self._gathered)
            self._gathered.clear()
            self._size = 0
            self._transport.write(gathered)

    def close(self) -> None:
        """Write what has gathered, then close."""
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """One connection. `waits_since` is the loop's time at which its client was last due to send, None if it is not."""

    waits_since: float | None = None
    _is_in_head = True
    _is_refused = False
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather what is written from here on."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.waits_since = self.loop.time()

    def is_overdue(self, limit: float) -> bool:
        """Whether its client has been due since before `limit`, in the loop's time."""
        return self.waits_since is not None and self.waits_since < limit

    def data_received(self, data: bytes) -> None:
        """Read on, unless what was read is too much."""
        if self._is_refused:
            return
        if self._is_in_head:
            self._head += len(data)
        super().data_received(data)
        if self._is_in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self.refuse(431, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.waits_since = self.loop.time()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Hand a request to the application, if its head is within bounds."""
        self._is_in_head = False
        if len(self.url) > MAX_URL:
            self.refuse(414, "The address is too long.")
        elif len(self.headers) > MAX_FIELDS or (self._head > MAX_HEAD and _size(self.headers) > MAX_HEAD):
            self.refuse(431, "The head of the request is too large.")
        else:
            self.waits_since = self.loop.time() + COURTESY
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body, if anybody waits for it."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request: the next one is not due before the answer."""
        self.waits_since = None
        self._is_in_head = True
        self._head = 0
        if not self._is_refused:
            super().on_message_complete()

    def refuse(self, status: int, sentence: str) -> None:
        """Answer once, in the server's own words, and close; a request that is being answered just ends."""
        self._is_refused = True
        self.waits_since = None
        # Who has sent nothing asked nothing: an answer could cross with the first request and be taken for its own.
        is_asked = self._head > 0 or not self._is_in_head
        if is_asked and (self.cycle is None or self.cycle.response_complete):
            body = document(Refused(status, sentence))
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            rest = f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
            self.transport.write((head + rest).encode() + body)
        self.transport.close()


class Refused(Problem):
    """A request that no application has seen."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase  # type: ignore[misc]
        super().__init__(CODES[status], sentence)


CODES = {408: "request-timeout", 414: "uri-too-long", 431: "head-too-large"}


def sweep(connections: Iterable[object], *, now: float, patience: float) -> int:
    """Close the connections whose clients owe the rest of a request for longer than that; how many it were.

    Also those that never sent anything; uvicorn itself closes the ones that idle between two requests.
    """
    slow = [each for each in connections if isinstance(each, Protocol) and each.is_overdue(now - patience)]
    for connection in slow:
        connection.refuse(408, f"The request did not arrive within {patience:g} s.")
    return len(slow)


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
