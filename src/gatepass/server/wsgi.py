"""The auth endpoints as a WSGI application, and what a framework without ASGI needs to answer them itself.

A WSGI thread reads the request, a background event loop runs the very endpoints that ASGI servers run, and the thread
waits for the answer. Only sign-ins and refreshes come this way; guards never do.
"""

import asyncio
import contextlib
import functools
import http
import queue
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from gatepass.runtime.thread import LoopThread
from gatepass.server.http import pass_on
from gatepass.wire.asgi import WITHHELD, ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.wsgi import Environ, StartResponse, raw_headers

MAX_BODY = 65_536
"""Bytes that are read of a body: far more than any endpoint accepts, so that the endpoint answers 413 itself."""

TURN_TIMEOUT = 5.0
"""Seconds for another event loop to take work: more than any of our steps takes."""

RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers. `body` is all of it, or the events for as long as they last."""

    status: int
    headers: RawHeaders
    body: "bytes | Events"

    def texts(self) -> list[tuple[str, str]]:
        """The headers as WSGI writes them."""
        return [(name.decode("latin-1").title(), value.decode("latin-1")) for name, value in self.headers]


class WSGIEndpoints:
    """`gate.wsgi`: mount it anywhere; SCRIPT_NAME is the mount."""

    def __init__(self, app: ASGIApp, *, background: LoopThread) -> None:
        self._app = app
        self._background = background

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request in the thread that it came in."""
        is_bodiless = environ["REQUEST_METHOD"] == "HEAD"
        asked = self.ask(scope_of(environ), read_body(environ))
        del environ  # crash reports show local variables, and its headers hold tokens
        answer = asked.result()
        start_response(f"{answer.status} {http.HTTPStatus(answer.status).phrase}", answer.texts())
        if isinstance(answer.body, Events):
            return answer.body
        return () if is_bodiless else [answer.body]

    def answer(self, scope: Scope, body: bytes) -> Answer:
        """The answer to an ASGI scope and its body. Blocks until its head has been sent."""
        asked = self.ask(scope, body)
        del scope, body  # as above
        return asked.result()

    def ask(self, scope: Scope, body: bytes) -> "Future[Answer]":
        """As `answer`, for callers that await."""
        exchange = _Exchange(self._background, body)
        self._background.submit(exchange.run(self._app, scope))
        return exchange.answer

    @staticmethod
    def scope_of(environ: Environ) -> Scope:
        """A WSGI request as an ASGI scope."""
        return scope_of(environ)


class Relay:
    """For the endpoints on one event loop, while another one has the gate open: that one answers.

    A Django project under ASGI uses the gate both ways in one process, and tests have several clients at once.
    """

    def __init__(self, endpoints: WSGIEndpoints, background: LoopThread) -> None:
        self._endpoints = endpoints
        self._background = background

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether the other loop has answered. False if there is none, or if it takes no work within TURN_TIMEOUT."""
        loop = self._background.loop_elsewhere
        if loop is None or not await _takes_work(loop):
            return False
        asked = self._endpoints.ask(scope, await _read_all(receive))
        del scope  # crash reports show local variables, and its headers hold tokens
        answer = await asyncio.wrap_future(asked)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if isinstance(answer.body, Events):
            await pass_on(aiter(answer.body.in_a_loop()), receive=receive, send=send)
        else:
            await send({"type": "http.response.body", "body": answer.body})
        return True


async def _takes_work(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop of another thread is not blocked, as that of an async test that waits for a sync client."""
    try:
        turn = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
        await asyncio.wait_for(asyncio.wrap_future(turn), TURN_TIMEOUT)
    except (TimeoutError, RuntimeError):  # or it has just been closed
        return False
    return True


async def _read_all(receive: Receive) -> bytes:
    """The body, or as much of it as an endpoint needs to refuse it."""
    body, more = b"", True
    while more and len(body) < MAX_BODY:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


class Events:
    """The events of a stream, from the event loop of the gate to a thread of a WSGI server, which iterates over them.

    `close` tells the endpoint that the reader has left, also one that has not begun to read (PEP 3333).
    """

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._told: Callable[[], object] = lambda: None
        self._is_over = False

    def put(self, event: bytes | None) -> None:
        """Hand over an event; None is the end. On the loop of the gate."""
        self._waiting.put(event)
        try:
            self._told()
        except RuntimeError:  # the event loop of the reader has ended
            self._left()

    def close(self) -> None:
        """The reader reads no more. Idempotent."""
        self._left()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        event = None if self._is_over else self._waiting.get()
        if event is None:
            self._is_over = True
            raise StopIteration
        return event

    def in_a_loop(self) -> "EventsInALoop":
        """The same for a reader on an event loop, which it does not block."""
        return EventsInALoop(self)

    async def follow(self) -> AsyncIterator[bytes]:
        """The events as they come, and `close` at the end."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        self._told = lambda: loop.call_soon_threadsafe(news.set)  # before the look: what comes meanwhile is told
        try:
            while True:
                news.clear()
                try:
                    event = self._waiting.get_nowait()
                except queue.Empty:
                    await news.wait()
                    continue
                if event is None:
                    return
                yield event
        finally:
            self.close()


class EventsInALoop:
    """Events that are iterated over on an event loop, and on no thread: frameworks ask an iterable which it is."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._events.follow()

    def close(self) -> None:
        """As `Events.close`."""
        self._events.close()


class _Exchange:
    """One request and its answer, between the loop and the thread that waits."""

    def __init__(self, background: LoopThread, body: bytes) -> None:
        self.answer: Future[Answer] = Future()
        self._background = background
        self._body: bytes | None = body
        self._head: Message = {}
        self._gone = asyncio.Event()
        self._events: Events | None = None

    async def run(self, app: Callable[[Scope, Any, Any], Awaitable[None]], scope: Scope) -> None:
        """Runs on the loop, from the request to the last byte of the answer."""
        self._background.shutdown_events.add(self._gone)
        try:
            await app(scope, self._receive, self._send)
        except BaseException as fault:
            if not self.answer.done():
                self.answer.set_exception(fault)
            raise
        finally:
            self._background.shutdown_events.discard(self._gone)
            if self._events is not None:
                self._events.put(None)
            if not self.answer.done():
                self.answer.set_exception(RuntimeError("the endpoint answered nothing"))

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        body: bytes = message.get("body", b"")
        if self._events is not None:
            self._events.put(body)
            return
        if message.get("more_body", False):
            self._events = Events(functools.partial(_set_on, asyncio.get_running_loop(), self._gone))
            self._events.put(body)
        answer = Answer(self._head["status"], list(self._head["headers"]), self._events or body)
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_result(answer)
        else:  # the caller waits no more, and will not read
            self._gone.set()


def _set_on(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended, and what ran on it
        loop.call_soon_threadsafe(event.set)


def scope_of(environ: Environ) -> Scope:
    """A WSGI request as an ASGI scope."""
    root, path = _text(environ.get("SCRIPT_NAME", "")).rstrip("/"), _text(environ.get("PATH_INFO", ""))
    address = environ.get("REMOTE_ADDR")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2] or "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": root + path,
        "raw_path": _raw_path(environ, root + path),
        "root_path": root,
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1", "replace"),
        "headers": raw_headers(environ),
        "client": (address, 0) if address else None,
    }
    if WITHHELD in environ:
        scope[WITHHELD] = environ[WITHHELD]
    return scope


def _raw_path(environ: Environ, path: str) -> bytes:
    """The path as it was sent, which PEP 3333 does not have: most servers say it under one of two names."""
    target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if target and not target.startswith("/"):  # the absolute form (RFC 9112 §3.2.2)
        target = "/" + target.partition("://")[2].partition("/")[2]
    return (target.partition("?")[0] or path).encode("latin-1", "replace")


def read_body(environ: Environ) -> bytes:
    """The body, or as much of it as an endpoint needs to refuse it."""
    declared = environ.get("CONTENT_LENGTH") or "0"
    if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
        wanted = MAX_BODY
    else:
        wanted = min(int(declared[:20]), MAX_BODY) if declared.isdecimal() else 0
    body: bytes = environ["wsgi.input"].read(wanted) if wanted else b""
    return body


def _text(path: str) -> str:
    """PEP 3333 has the path's bytes as latin-1; ASGI has it as UTF-8 text."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
