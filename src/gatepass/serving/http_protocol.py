"""HTTP/1.1 on one connection: requests one after another, with bounds on each and on the connection.

The server is uvicorn's, the parser httptools; what is between them is here, and the application below is any of ASGI.
The head is bounded in size, in fields and in time, the body in time, and so are the time in which a client takes
nothing of its response and the time between two requests. A request beyond these limits gets one short response, after
those that are under way, and the connection is closed. No timer is set per request: `sweep` checks all connections once
a second. A request costs one task; of its response the exchange (`exchange.py`) makes one write.

A request of HTTP/1.1 has one Host (RFC 9112 §3.2).

httptools comes with the extra `server` on CPython. uvicorn is imported here, in `heads.py` and in `process.py`, nowhere
else.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from gatepass.errors import Unavailable
from gatepass.problem_codes import ProblemCode
from gatepass.serving.admission import MAX_REFUSED, Admission
from gatepass.serving.beyond_limits import BeyondLimits, response, unreadable
from gatepass.serving.exchange import OLD_VERSIONS, Exchange
from gatepass.serving.heads import Heads
from gatepass.wire.asgi import ASGIApp

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

MAX_BODY_WAITING = 64 * 1024
"""Bytes of a body that wait for the application. Beyond that the connection is not read."""


class HttpProtocol(Heads):
    """One connection. `waiting_since`: the loop's time since which the client is due to send; None if it is not.

    Its exchanges are answered one after another: one is `running`, those behind it are the `pipeline`.
    """

    admission = Admission(connections=10_000)

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: Mapping[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn's server makes its protocols; its state knows them and their tasks."""
        super().__init__(app_state)
        self.loop = _loop or asyncio.get_running_loop()
        self.waiting_since: float | None = None
        self.running: Exchange | None = None
        self.pipeline: deque[Exchange] = deque()
        self._newest: Exchange = None  # type: ignore[assignment]  # until a request has had its head
        """The exchange whose body comes, or came last."""
        self._app: ASGIApp = config.loaded_app
        self._keep_alive = config.timeout_keep_alive
        self._state = server_state
        self._network: str | None = None
        self._excess = 0
        self._head = 0
        """Bytes since the last one of a body: of a head, of the sizes of chunks, of the fields behind them."""
        self._has_begun = False
        """A request has begun and is not complete."""
        self._answered_at = math.inf
        self._is_in_head = True
        self._is_refused = False
        self._lingers = False
        """The client is refused while it sends: it must not lose the last words."""
        self._last_words: bytes | None = None
        """What to send, before closing, after the responses that are under way."""

    @property
    def default_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The date, which uvicorn's server renews each second."""
        return self._state.default_headers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called once. Closes the connection unheard if far too many are open."""
        super().connection_made(transport)
        self._state.connections.add(self)  # type: ignore[arg-type]
        self.waiting_since = self.loop.time()
        self._network, self._excess = self.admission.enter(self.client[0] if self.client else None)
        if self._excess > MAX_REFUSED:
            self._is_refused = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, when the connection has ended."""
        self.admission.leave(self._network)
        self._state.connections.discard(self)
        self._is_refused = True
        self.pipeline.clear()
        if self.running is not None:
            self.running.abandon()
        self.writable.set()
        self.transport.close()
        self.parser = self._newest = None  # type: ignore[assignment]  # they refer to this one: cycles

    def is_overdue(self, limit: float) -> bool:
        """Whether the client has been due to send since before `limit`, in the loop's time."""
        return self.waiting_since is not None and self.waiting_since < limit

    def has_idled(self, now: float) -> bool:
        """Whether it has been idle between two requests for longer than connections are kept."""
        is_idle = self.running is None and not self._has_begun
        return is_idle and now - self._answered_at > self._keep_alive

    def data_received(self, data: bytes) -> None:
        """Parse the data; refuse a head that is too large, and what is no HTTP."""
        if self._is_refused:
            return
        self._head += len(data)
        try:
            self.parse(data)
        except httptools.HttpParserError:
            if not self._is_refused:
                self._finish(unreadable())
        if self._head > MAX_HEAD and not self._is_refused:
            self.refuse(431, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        super().on_message_begin()
        if not self._is_refused:
            self.waiting_since = self.loop.time()
            self._is_in_head = self._has_begun = True

    def on_headers_complete(self) -> None:
        """Hand a request to the application if its head is within bounds."""
        if self._is_refused or self.is_upgrade():
            return
        self.has_head = True
        names, version = [name for name, _ in self.headers], self.parser.get_http_version()
        if self._excess:
            self._finish(response(Unavailable(ProblemCode.OVERLOADED, "Too many connections at once; try again.")))
        elif len(self.url) > MAX_URL:
            self.refuse(414, "The address is too long.")
        elif len(names) > MAX_FIELDS or (self._head > MAX_HEAD and _size(self.headers) > MAX_HEAD):
            self.refuse(431, "The head of the request is too large.")
        elif (hosts := names.count(b"host")) != 1 and (hosts or version != "1.0"):
            self.refuse(400, "A request has one Host.")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._finish(b"")
        else:
            is_old = version in OLD_VERSIONS
            is_last = is_old or self.admission.is_draining or not self.parser.should_keep_alive()
            waits = b"expect" in names and not is_old and self.expects_continue()
            self._begin(Exchange(self, self.scope(version), is_last=is_last, expects_continue=waits))

    def _begin(self, exchange: Exchange) -> None:
        """Run it, or let it wait for the response before its own."""
        self._newest = exchange
        self._is_in_head = False
        self.waiting_since = self.loop.time() + BODY_EXTRA_TIMEOUT
        if self.running is None:
            self._run(exchange)
        else:
            self.pause_reading()
            self.pipeline.append(exchange)

    def _run(self, exchange: Exchange) -> None:
        self.running = exchange
        self.loop.create_task(exchange.run(self._app, self._state.tasks))  # which holds it

    def on_body(self, body: bytes) -> None:
        """Hand a part of a body to the application, unless the request was refused or has its response."""
        self._head = 0
        if not (self._is_refused or self._newest.is_complete) and self._newest.take(body) > MAX_BODY_WAITING:
            self.pause_reading()

    def on_message_complete(self) -> None:
        """Called at the last byte of a request: the client is not due to send before it has its response."""
        if self.is_upgrade():
            return  # its head comes again
        self.waiting_since = None
        self._is_in_head, self._has_begun = True, False
        self._head = 0
        if not self._is_refused:
            self._newest.end_body()

    def answered(self, exchange: Exchange) -> None:
        """A response is complete: go on with the next request, or say the last words after the last one."""
        self.running = None
        if exchange.is_last:
            self._is_refused = True
            self.waiting_since = None
            self.end(lingers=self._has_begun)
            return
        if self.transport.is_closing():
            return
        self.resume_reading()
        if self.pipeline:
            self._run(self.pipeline.popleft())
        elif self._last_words is not None:
            self._close_with(self._last_words)
        else:
            self._answered_at = self.loop.time()

    def cut(self) -> None:
        """Close: a response cannot be completed."""
        self.transport.close()

    def shutdown(self) -> None:
        """Called when the server stops: the response under way is the last, or the next one if it comes soon."""
        if self.running is not None:
            self._newest.is_last = True
        self.loop.call_later(DRAIN_GRACE, self._drain)

    def _drain(self) -> None:
        """Close an idle connection; end a response without an end, which is a stream of events."""
        if self.transport.is_closing() or self._has_begun:
            return
        if self.running is None:
            self.transport.close()
        elif self.running.has_started and not self.running.has_length:
            self.running.abandon()
            self._close_with(b"0\r\n\r\n" if self.running.is_chunked else b"")

    def refuse(self, status: int, sentence: str) -> None:
        """Send one short response, after those that are under way, and close."""
        # Do not respond to a client that has sent nothing: it could take the response for that to its first request.
        self._lingers = self._has_begun
        self._finish(response(BeyondLimits(status, sentence)) if self._has_begun else b"")

    def _finish(self, last_words: bytes) -> None:
        """Read nothing more; close after the responses to earlier requests and these last words."""
        self._is_refused = True
        self.waiting_since = None
        if not self._is_in_head and self._drop_incomplete():
            last_words = b""
        if self.running is not None:
            self._last_words = last_words
        else:
            self._close_with(last_words)

    def _drop_incomplete(self) -> bool:
        """Take the request whose body is under way from the application. Returns whether its response has begun."""
        self._is_in_head = True
        exchange = self._newest
        if exchange.is_complete:
            return True
        if exchange is self.running:
            self.running = None
        else:
            self.pipeline.pop()
        exchange.abandon()
        return exchange.has_started

    def _close_with(self, last_words: bytes) -> None:
        if last_words and not self.transport.is_closing():
            self.write(last_words)
        self.end(lingers=self._lingers)


def sweep(connections: Iterable[object], *, now: float, timeout: float) -> tuple[int, int]:
    """Close connections whose request is incomplete, or whose client takes nothing, for longer than `timeout` seconds.

    Returns how many of either kind. That includes connections that never sent anything, and not those that have idled
    between two requests, which are closed too.
    """
    ours = [each for each in connections if isinstance(each, HttpProtocol)]
    for connection in ours:
        if connection.has_idled(now):
            connection.transport.close()
    stalled = [each for each in ours if each.has_stalled(now=now, timeout=timeout)]
    for connection in stalled:
        connection.transport.abort()  # close() would wait until everything is taken
    slow = [each for each in ours if each.is_overdue(now - timeout)]
    for connection in slow:
        connection.refuse(408, f"The request did not arrive within {timeout:g} s.")
    return len(slow), len(stalled)


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
