"""uvicorn's HTTP protocol, with bounds on requests and on connections.

uvicorn accepts heads of any size, at any pace, and waits for ever for a client that does not read. Here the head is
bounded in size, in fields and in time, the body in time, and so is the time in which a client takes nothing of its
response. A request beyond these limits gets one short response, after those that are under way, and the connection is
closed. No timer is set per request: `sweep` checks all connections once a second.

uvicorn also stops to parse a connection after a request with `Upgrade`, and accepts requests without a Host or with
two. Here an upgrade is not offered, so the request is answered as any other (RFC 9110 §7.8), and a request of HTTP/1.1
has one Host (RFC 9112 §3.2).

httptools comes with the extra `server` on CPython. uvicorn is imported here and in `process.py`, nowhere else.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatepass.errors import Problem, Unavailable
from gatepass.problem_codes import ProblemCode
from gatepass.serving.admission import MAX_REFUSED, Admission
from gatepass.serving.transport import GatheringTransport
from gatepass.wire.problems import MEDIA_TYPE, document

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its header fields. Browsers and proxies keep to 8 to 32 KB."""
MAX_URL = 8 * 1024
MAX_FIELDS = 100
MAX_PIPELINED = 16
"""Requests that wait on one connection for the response before theirs. Beyond that it is closed after the last."""

BODY_EXTRA_TIMEOUT = 2.0
"""Seconds that a body may take longer than a head: our endpoints have a timeout of their own, and a better response."""

DRAIN_GRACE = 1.0
"""Seconds that an idle connection of a server that stops stays open: a request may be on its way. Against what: a proxy
on the same continent needs a tenth to hear that it is closed."""

UNREADABLE = "Invalid HTTP request received."


class HttpProtocol(HttpToolsProtocol):
    """One connection. `waiting_since`: the loop's time since which the client is due to send; None if it is not."""

    admission = Admission(connections=10_000)
    waiting_since: float | None = None
    _network: str | None = None
    _excess = 0
    _head = 0
    _unanswered = 0
    """Requests that were handed to the application, or wait for it, and have no complete response."""
    _has_begun = False
    """A request has begun and is not complete."""
    _is_in_head = True
    _is_refused = False
    _is_upgrade = False
    _last_words: bytes | None = None
    """What to send, before closing, after the responses that are under way."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather all writes to this connection; close it unheard if far too many are open."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.waiting_since = self.loop.time()
        self._network, self._excess = self.admission.enter(self.client[0] if self.client else None)
        if self._excess > MAX_REFUSED:
            self._is_refused = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, when the connection has ended."""
        self.admission.leave(self._network)
        super().connection_lost(exc)

    def is_overdue(self, limit: float) -> bool:
        """Whether the client has been due to send since before `limit`, in the loop's time."""
        return self.waiting_since is not None and self.waiting_since < limit

    def data_received(self, data: bytes) -> None:
        """Parse the data; refuse a head that is too large, and what is no HTTP."""
        if self._is_refused:
            return
        if self._is_in_head:
            self._head += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            if not self._is_refused:
                self._finish(_unreadable())
        if self._is_in_head and self._head > MAX_HEAD and not self._is_refused:
            self.refuse(431, "The head of the request is too large.")

    def _parse(self, data: bytes) -> None:
        while data and not self._is_refused:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser takes body and all that follows for another protocol, which was not offered.
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self._is_upgrade = False

    def _head_without_upgrade(self) -> bytes:
        """The head of the request under way as it would be had the client not asked for another protocol."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(token for token in value.split(b",") if token.strip().lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        super().on_message_begin()
        if not self._is_refused:
            self.waiting_since = self.loop.time()
            self._is_in_head = self._has_begun = True

    def on_headers_complete(self) -> None:
        """Hand a request to the application if its head is within bounds."""
        self._is_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._is_refused or self._is_upgrade:
            return
        if self._excess:
            self._finish(_response(Unavailable(ProblemCode.OVERLOADED, "Too many connections at once; try again.")))
        elif len(self.url) > MAX_URL:
            self.refuse(414, "The address is too long.")
        elif len(self.headers) > MAX_FIELDS or (self._head > MAX_HEAD and _size(self.headers) > MAX_HEAD):
            self.refuse(431, "The head of the request is too large.")
        elif not _has_one_host(self.headers, version=self.parser.get_http_version()):
            self.refuse(400, "A request has one Host.")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._finish(b"")
        else:
            self.waiting_since = self.loop.time() + BODY_EXTRA_TIMEOUT
            super().on_headers_complete()
            self._unanswered += 1
            self._is_in_head = False
            if self.admission.is_draining:
                self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand a part of a body to the application, unless the request was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Called at the last byte of a request: the client is not due to send before it has its response."""
        if self._is_upgrade:
            return  # its head comes again
        self.waiting_since = None
        self._is_in_head, self._has_begun = True, False
        self._head = 0
        if not self._is_refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called at the end of each response: send the last words after the last one."""
        self._unanswered -= 1
        super().on_response_complete()
        if self._last_words is not None and not self._unanswered:
            self._close_with(self._last_words)

    def shutdown(self) -> None:
        """Called when the server stops: the response under way is the last, or the next one if it comes soon."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        self.loop.call_later(DRAIN_GRACE, self._drain)

    def _drain(self) -> None:
        """Close an idle connection; end a response without an end, which is a stream of events."""
        if self.transport.is_closing() or self._has_begun:
            return
        if not self._unanswered:
            self.transport.close()
        elif self.cycle.response_started and self.cycle.chunked_encoding and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._close_with(b"0\r\n\r\n")

    def refuse(self, status: int, sentence: str) -> None:
        """Send one short response, after those that are under way, and close."""
        # Do not respond to a client that has sent nothing: it could take the response for that to its first request.
        self._finish(_response(BeyondLimits(status, sentence)) if self._has_begun else b"")

    def _finish(self, last_words: bytes) -> None:
        """Read nothing more; close after the responses to earlier requests and these last words."""
        self._is_refused = True
        self.waiting_since = None
        if not self._is_in_head and self._drop_incomplete():
            last_words = b""
        if self._unanswered:
            self._last_words = last_words
        else:
            self._close_with(last_words)

    def _drop_incomplete(self) -> bool:
        """Take the request whose body is under way from the application. Returns whether its response has begun."""
        self._is_in_head = True
        if self.cycle.response_complete:
            return True
        self._unanswered -= 1
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            return False
        self.cycle.disconnected = True
        self.cycle.on_response = lambda: None
        self.cycle.message_event.set()
        return self.cycle.response_started

    def _close_with(self, last_words: bytes) -> None:
        if last_words and not self.transport.is_closing():
            self.transport.write(last_words)
        self.transport.close()


class BeyondLimits(Problem):
    """400, 408, 414 or 431: a request that was refused before any application saw it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase  # type: ignore[misc]
        super().__init__(CODES[status], sentence)


CODES = {400: "malformed-request", 408: "request-timeout", 414: "uri-too-long", 431: "head-too-large"}


def sweep(connections: Iterable[object], *, now: float, timeout: float) -> tuple[int, int]:
    """Close connections whose request is incomplete, or whose client takes nothing, for longer than `timeout` seconds.

    Returns how many of either kind. That includes connections that never sent anything; uvicorn itself closes those
    that idle between two requests.
    """
    ours = [each for each in connections if isinstance(each, HttpProtocol)]
    stalled = [each for each in ours if each.transport.has_stalled(now=now, timeout=timeout)]  # type: ignore[attr-defined]
    for connection in stalled:
        connection.transport.abort()  # close() would wait until everything is taken
    slow = [each for each in ours if each.is_overdue(now - timeout)]
    for connection in slow:
        connection.refuse(408, f"The request did not arrive within {timeout:g} s.")
    return len(slow), len(stalled)


def _response(problem: Problem) -> bytes:
    """A whole response that ends its connection."""
    body = document(problem)
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        *(f"{name.lower()}: {value}" for name, value in problem.headers.items()),
        "connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _unreadable() -> bytes:
    """The response to what is no HTTP, in plain text: no client of these endpoints sends it."""
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(UNREADABLE)}"
    return f"{head}\r\nconnection: close\r\n\r\n{UNREADABLE}".encode()


def _has_one_host(headers: Iterable[tuple[bytes, bytes]], *, version: str) -> bool:
    hosts = sum(name == b"host" for name, _ in headers)
    return hosts == 1 or (hosts == 0 and version == "1.0")


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
