"""uvicorn's HTTP protocol, with bounds on requests, and with responses gathered into few writes.

ASGI sends a response in two messages, and uvicorn writes each to its socket at once: two system calls and two packets,
and a client that is woken by the head only to wait for the body. Here a response is one write. The responses of one
iteration of the event loop are written one after another when its work is done: the first write wakes the reader on
this machine (usually a proxy), and the others find it awake. Under load that saves a quarter of the server's time; a
single response waits for nothing.

uvicorn also accepts heads of any size, at any pace. Here the head is bounded in size, in fields and in time, and the
body in time. A request beyond these limits gets one short response, and the connection is closed. No timer is set per
request: `sweep` checks all connections once a second.

httptools comes with the extra `server` on CPython. uvicorn is imported here and in `process.py`, nowhere else.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatepass.errors import Problem
from gatepass.wire.problems import MEDIA_TYPE, document

MAX_GATHERED = 16 * 1024
"""Bytes that are gathered: beyond that a system call costs little, and a stream must notice a slow reader."""

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its header fields. Browsers and proxies keep to 8 to 32 KB."""
MAX_URL = 8 * 1024
MAX_FIELDS = 100

BODY_EXTRA_TIMEOUT = 2.0
"""Seconds that a body may take longer than a head: our endpoints have a timeout of their own, and a better response."""


class GatheringTransport:
    """A transport that gathers its writes until the end of an iteration of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        """All other methods are those of the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, together with the writes that follow in this iteration of the loop."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= MAX_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._gathered:
            gathered = b"".join(self._gathered)
            self._gathered.clear()
            self._size = 0
            self._transport.write(gathered)

    def close(self) -> None:
        """Write what has been gathered, then close."""
        self.flush()
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """One connection. `waiting_since`: the loop's time since which the client is due to send; None if it is not."""

    waiting_since: float | None = None
    _is_in_head = True
    _is_refused = False
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather all writes to this connection."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.waiting_since = self.loop.time()

    def is_overdue(self, limit: float) -> bool:
        """Whether the client has been due to send since before `limit`, in the loop's time."""
        return self.waiting_since is not None and self.waiting_since < limit

    def data_received(self, data: bytes) -> None:
        """Parse the data; refuse a head that is too large."""
        if self._is_refused:
            return
        if self._is_in_head:
            self._head += len(data)
        super().data_received(data)
        if self._is_in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self.refuse(431, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        super().on_message_begin()
        self.waiting_since = self.loop.time()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Hand a request to the application if its head is within bounds."""
        self._is_in_head = False
        if len(self.url) > MAX_URL:
            self.refuse(414, "The address is too long.")
        elif len(self.headers) > MAX_FIELDS or (self._head > MAX_HEAD and _size(self.headers) > MAX_HEAD):
            self.refuse(431, "The head of the request is too large.")
        else:
            self.waiting_since = self.loop.time() + BODY_EXTRA_TIMEOUT
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of a body to the application, unless the request was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Called at the last byte of a request: the client is not due to send before it has its response."""
        self.waiting_since = None
        self._is_in_head = True
        self._head = 0
        if not self._is_refused:
            super().on_message_complete()

    def refuse(self, status: int, sentence: str) -> None:
        """Send one short response and close. If a response is already under way, only close."""
        self._is_refused = True
        self.waiting_since = None
        # Do not respond to a client that has sent nothing: it could take the response for that to its first request.
        has_begun = self._head > 0 or not self._is_in_head
        if has_begun and (self.cycle is None or self.cycle.response_complete):
            body = document(Refused(status, sentence))
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            rest = f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
            self.transport.write((head + rest).encode() + body)
        self.transport.close()


class Refused(Problem):
    """408, 414 or 431: a request that was refused before any application saw it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase  # type: ignore[misc]
        super().__init__(CODES[status], sentence)


CODES = {408: "request-timeout", 414: "uri-too-long", 431: "head-too-large"}


def sweep(connections: Iterable[object], *, now: float, timeout: float) -> int:
    """Close connections whose request has been incomplete for longer than `timeout` seconds. Returns how many.

    That includes connections that never sent anything; uvicorn itself closes those that idle between two requests.
    """
    slow = [each for each in connections if isinstance(each, HttpProtocol) and each.is_overdue(now - timeout)]
    for connection in slow:
        connection.refuse(408, f"The request did not arrive within {timeout:g} s.")
    return len(slow)


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
