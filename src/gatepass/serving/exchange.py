"""One request and its response, between the connection that carries them and the ASGI application that answers.

An application sends a response in two messages or more. One of ours hands over the whole of it: `send.answer` is there
where nothing stands between the application and the server, and saves the messages. What wraps `send` has no such
method, so no middleware is passed by.

The head is checked and put together in one piece: it has as many line ends as lines and no other control character, so
no value can begin a line of its own, or a response of its own (ASVS 1.2.1).
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from gatepass.wire.asgi import ASGIApp, Message, Scope

logger = logging.getLogger("uvicorn.error")  # where uvicorn's own protocol, which serves without httptools, says it

HeaderList = Sequence[tuple[bytes, bytes]]
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NO_CONTROLS = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte == 0x09)
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))
OLD_VERSIONS = frozenset(("0.9", "1.0"))
"""Versions of HTTP whose clients know no chunks: a body without a length ends with the connection (RFC 9112 §6.1)."""
_BODILESS = frozenset((204, 304))
_FAULT = b"Internal Server Error"
_FAULT_HEADERS = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_FAULT)))


class Connection(Protocol):
    """What a request needs of the connection that it came on."""

    writable: asyncio.Event
    """Set while the client takes what is written."""

    @property
    def default_headers(self) -> HeaderList:
        """The headers of every response."""

    def write(self, data: bytes) -> None:
        """Send."""

    def resume_reading(self) -> None:
        """Read on, if reading was paused."""

    def answered(self, exchange: "Exchange") -> None:
        """Its response is complete."""

    def cut(self) -> None:
        """Close: the response cannot be completed."""


class Exchange:
    """One request and its response. It is itself the `send` of its application."""

    __slots__ = (
        "_body", "_connection", "_due", "_expects_continue", "_has_news", "_more_body", "_news", "_scope",
        "has_length", "has_started", "is_chunked", "is_complete", "is_gone", "is_last",
    )  # fmt: skip

    def __init__(self, connection: Connection, scope: Scope, *, is_last: bool, expects_continue: bool) -> None:
        self._connection = connection
        self._scope = scope
        self._expects_continue = expects_continue
        self._body = bytearray()
        self._more_body = True
        self._has_news = False
        self._news: asyncio.Event | None = None
        self._due = 0
        """Bytes of the body that the head has announced and that were not sent."""
        self.is_last = is_last
        """The connection ends with this response."""
        self.is_gone = False
        """The client has left, or the request was taken back: nothing is sent any more."""
        self.has_started = self.is_complete = self.is_chunked = False
        self.has_length = True
        """Whether the head says where the body ends."""

    async def run(self, app: ASGIApp, tasks: set[asyncio.Task[None]]) -> None:
        """Let the application answer, as one of `tasks`. What it leaves incomplete is a 500, or is cut off."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (it is this one)
        tasks.add(task)
        try:
            await app(self._scope, self.receive, self)
            if not (self.is_complete or self.is_gone):
                what = "completing" if self.has_started else "starting"
                logger.error("ASGI callable returned without %s response.", what)
                await self._fail()
        except BaseException as fault:
            logger.error("Exception in ASGI application\n", exc_info=fault)
            await self._fail()
        finally:
            tasks.discard(task)

    async def _fail(self) -> None:
        if self.has_started:
            self._connection.cut()
        else:
            self.is_last = True
            await self.answer(500, _FAULT_HEADERS, b"" if self._scope["method"] == "HEAD" else _FAULT)

    def take(self, body: bytes) -> int:
        """A part of the body has come. Returns how much of it waits for the application."""
        self._body += body
        self._tell()
        return len(self._body)

    def end_body(self) -> None:
        """All of the body has come."""
        self._more_body = False
        self._tell()

    def abandon(self) -> None:
        """The response has no reader any more."""
        self.is_gone = True
        self._tell()

    def _tell(self) -> None:
        self._has_news = True
        if self._news is not None:
            self._news.set()

    async def receive(self) -> Message:
        """The next message for the application: what has come of the body, or that the client is gone."""
        if self._expects_continue and not (self.has_started or self.is_gone):
            self._expects_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not (self.is_gone or self.is_complete):
            self._connection.resume_reading()
            if not self._has_news:
                self._news = self._news or asyncio.Event()
                self._news.clear()
                await self._news.wait()
            self._has_news = False
        if self.is_gone or self.is_complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self._more_body}

    async def answer(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Send a whole response. `headers` have its length; `body` is empty where the method is HEAD."""
        if self.has_started:
            raise RuntimeError("The response has begun already.")
        if not self._connection.writable.is_set():
            await self._connection.writable.wait()
        if not self.is_gone:
            head = self._head(status, headers)
            self.has_started = True
            self._connection.write(head + body)
            self._complete()

    async def __call__(self, message: Message) -> None:
        """Send a message of the application. Raises RuntimeError for one that is out of turn or does not fit."""
        if not self._connection.writable.is_set():
            await self._connection.writable.wait()
        if self.is_gone:
            return
        expected = "http.response.body" if self.has_started else "http.response.start"
        if self.is_complete or message["type"] != expected:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}.")
        if self.has_started:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._send_head(message["status"], message.get("headers", ()))

    def _send_head(self, status: int, headers: HeaderList) -> None:
        framing = {name.lower(): value.lower() for name, value in headers if name.lower() in _FRAMING}
        if b"close" in framing.get(b"connection", b"").replace(b" ", b"").split(b","):
            self.is_last = True
        ours = {b"connection", b"transfer-encoding"}  # what the server says itself
        own = [pair for pair in headers if pair[0].lower() not in ours]
        is_bodiless = self._scope["method"] == "HEAD" or status in _BODILESS
        if b"content-length" in framing:
            self._due = 0 if is_bodiless else int(framing[b"content-length"])
        elif not is_bodiless:
            self.has_length = False
            self.is_chunked = self._scope["http_version"] not in OLD_VERSIONS
            self.is_last = self.is_last or not self.is_chunked
            own += [(b"transfer-encoding", b"chunked")] if self.is_chunked else []
        head = self._head(status, own)
        self.has_started = True
        self._connection.write(head)

    def _head(self, status: int, headers: HeaderList) -> bytes:
        """The status line and the headers. Raises RuntimeError for a header that is none."""
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in (*self._connection.default_headers, *headers):
            lines += (_up_to_value(name), value, b"\r\n")
        ends = len(lines) // 3 + 2
        # In place of the 100: the client may send its body or not, so where the next request begins is unknown.
        self.is_last = self.is_last or (self._expects_continue and self._more_body and not self._body)
        if self.is_last:
            lines.append(b"connection: close\r\n")
            ends += 1
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.translate(None, _NO_CONTROLS) != b"\r\n" * ends:
            raise RuntimeError("Invalid HTTP header value.")
        return head

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._scope["method"] == "HEAD":
            pass
        elif self.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._connection.write(chunk if more else chunk + b"0\r\n\r\n")
        elif not self.has_length:
            self._connection.write(body)
        else:
            self._due -= len(body)
            if self._due < 0:
                raise RuntimeError("The body is longer than its Content-Length.")
            self._connection.write(body)
        if not more:
            if self._due:
                raise RuntimeError("The body is shorter than its Content-Length.")
            self._complete()

    def _complete(self) -> None:
        self.is_complete = True
        self._tell()
        self._connection.answered(self)


@lru_cache(maxsize=1024)
def _up_to_value(name: bytes) -> bytes:
    """A header up to its value. Raises RuntimeError for a name that is none."""
    if _NAME.fullmatch(name) is None:
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower() + b": "
