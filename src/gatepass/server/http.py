"""A request to read and a reply to send, over bare ASGI."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from gatepass.errors import BadRequest, BodyTooLarge, GatepassError, Problem, RequestTimeout, UnsupportedMediaType
from gatepass.problem_codes import ProblemCode
from gatepass.wire.asgi import Message, Receive, Scope, Send, relative_path
from gatepass.wire.headers import Headers
from gatepass.wire.problems import MEDIA_TYPE, document

_JSON = re.compile(r"application/json[ \t]*(;.*)?", re.IGNORECASE)
_CHARSET = re.compile(r";[ \t]*charset[ \t]*=[ \t]*(\"?)([^\";]*)\1[ \t]*(?=;|$)", re.IGNORECASE)
FORM = "application/x-www-form-urlencoded"
_UTF_8 = ("utf-8", "utf8")
_NEEDLESS = re.compile(rb"%(2[DdEeFf]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")
"""An escape of a slash or of a character that needs none (RFC 3986 §2.3)."""
_BASE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
"""A Content-Security-Policy for what is no page."""
NO_STORE = "no-store"
_NO_PARAMS: Mapping[str, str] = {}


class InternalError(Problem):
    """500: a fault of the server. The log has the trace, the caller gets none (ASVS 16.5.1)."""

    status = 500
    title = "Internal server error"

    def __init__(self) -> None:
        super().__init__(ProblemCode.INTERNAL_ERROR, "Something went wrong here; it has been logged.")


class Disconnected(GatepassError):
    """The client disconnected before its request was complete: an answer would reach no one."""


class Request:
    """One http request of the auth endpoints.

    `path` is relative to the mount; `path_params` are what stands in the place of its parameters.
    """

    __slots__ = ("body_timeout", "headers", "method", "path", "path_params", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive, *, body_timeout: float = 20.0) -> None:
        """`body_timeout` is how many seconds the body may take to arrive."""
        self.scope = scope
        self.method: str = scope["method"]
        self.headers = Headers(scope["headers"])
        self.path = relative_path(scope)
        self.path_params = _NO_PARAMS
        self.receive = receive
        self.body_timeout = body_timeout

    @property
    def mount(self) -> str:
        """Where the endpoints are mounted, as far as this server knows: a proxy in front may strip a part."""
        root: str = self.scope.get("root_path", "").rstrip("/")
        path: str = self.scope["path"]
        whole = path if path == root or path.startswith(root + "/") else root + path
        return whole.rstrip("/").removesuffix(self.path)

    @property
    def peer(self) -> str | None:
        """The socket's address, or None on a Unix socket."""
        client = self.scope.get("client")
        return str(client[0]) if client else None

    async def json(self, limit: int) -> bytes:
        """The body, which must be JSON by its media type, at most `limit` bytes.

        Raises UnsupportedMediaType, BodyTooLarge, RequestTimeout or Disconnected. An empty body is b"".
        """
        body = await self._read(limit)
        if body and not is_json(self.headers.one(b"content-type") or ""):
            raise UnsupportedMediaType
        return body

    async def form(self, limit: int) -> bytes:
        """The body of a form of a page, at most `limit` bytes. Raises as `json` does."""
        body = await self._read(limit)
        if (self.headers.one(b"content-type") or "").partition(";")[0].strip().lower() != FORM:
            raise UnsupportedMediaType
        return body

    async def _read(self, limit: int) -> bytes:
        declared = self.headers.first(b"content-length")
        if declared in (None, "0") and not self._is_framed_otherwise():
            return b""
        if declared is not None and not declared.isdecimal():
            raise BadRequest(ProblemCode.MALFORMED_REQUEST, "Content-Length is not a number.")
        if declared is not None and int(declared[:20]) > limit:
            raise BodyTooLarge(limit)
        try:
            async with asyncio.timeout(self.body_timeout):
                return await self._collect(limit)
        except TimeoutError:
            raise RequestTimeout(self.body_timeout) from None

    async def _collect(self, limit: int) -> bytes:
        body = _Body(limit)
        while body.take(await self.receive()):
            pass
        return body.content()

    def _is_framed_otherwise(self) -> bool:
        """Whether a body may come without a Content-Length: in chunks, or over HTTP/2 and later."""
        return b"transfer-encoding" in self.headers or not self.scope.get("http_version", "1.1").startswith("1")


class _Body:
    """What has arrived of a body. An object of its own: in local variables crash reports would show passwords."""

    __slots__ = ("_chunks", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._limit = limit

    def take(self, message: Message) -> bool:
        """Add a message. Returns whether more will come. Raises Disconnected, BodyTooLarge."""
        if message["type"] == "http.disconnect":
            raise Disconnected
        self._chunks.append(message.get("body", b""))
        self._size += len(self._chunks[-1])
        if self._size > self._limit:
            raise BodyTooLarge(self._limit)
        return bool(message.get("more_body", False))

    def content(self) -> bytes:
        """The whole body."""
        return b"".join(self._chunks)


def is_json(media_type: str) -> bool:
    """Whether a Content-Type is JSON in UTF-8. Other parameters mean nothing to us (RFC 8259 §11)."""
    if _JSON.fullmatch(media_type) is None:
        return False
    return all(match[2].strip().lower() in _UTF_8 for match in _CHARSET.finditer(media_type))


def has_other_spelling(scope: Scope) -> bool:
    """Whether a path came in another spelling than its usual one: /auth/login%2F, /auth/%6Cogin, /auth//login.

    A proxy compares paths as they come, so its rule for /auth/login would not hold for these. Some frameworks drop
    slashes, also one at the end, before they hand a path on.
    """
    raw: bytes = scope.get("raw_path") or b""
    return b"//" in raw or raw.endswith(b"/") or (b"%" in raw and _NEEDLESS.search(raw) is not None)


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body, and what goes with them. `cookies` are Set-Cookie values.

    `is_public`: pages of any origin may read it.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    media_type: str = "application/json"
    cache: str = NO_STORE
    headers: Iterable[tuple[str, str]] = ()
    cookies: Iterable[str] = field(default=(), repr=False)
    is_public: bool = False
    content_policy: bytes = _NOTHING

    @classmethod
    def of(cls, problem: Problem, *, cookies: Iterable[str] = ()) -> "Reply":
        """A problem as its document."""
        return cls(
            problem.status,
            document(problem),
            media_type=MEDIA_TYPE,
            headers=problem.headers.items(),
            cookies=cookies,
        )

    async def send(self, send: Send, *, extra: Iterable[tuple[str, str]] = (), bodiless: bool = False) -> None:
        """Put it on the wire; `bodiless` is the answer to HEAD: the same head, and no body (RFC 9110 §9.3.2)."""
        answer = getattr(send, "answer", None)
        if answer is not None:  # our own server, and nothing between it and us
            await answer(self.status, self._whole_head(extra), b"" if bodiless else self.body)
            return
        await send({"type": "http.response.start", "status": self.status, "headers": self._whole_head(extra)})
        await send({"type": "http.response.body", "body": b"" if bodiless else self.body})

    def _whole_head(self, extra: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
        length = [] if self.status in (204, 304) else [(b"content-length", b"%d" % len(self.body))]
        return [*self.head(extra), *length]

    def head(self, extra: Iterable[tuple[str, str]] = ()) -> list[tuple[bytes, bytes]]:
        """Its headers but the length, with those that every answer has."""
        readers = b"cross-origin" if self.is_public else b"same-origin"
        policy = (b"content-security-policy", self.content_policy)
        headers = [*_BASE, policy, (b"cross-origin-resource-policy", readers), (b"cache-control", self.cache.encode())]
        if self.body or self.status == 200:
            headers.append((b"content-type", self.media_type.encode()))
        for name, value in (*self.headers, *extra):
            headers.append((name.lower().encode(), value.encode("latin-1")))
        headers.extend((b"set-cookie", cookie.encode("latin-1")) for cookie in self.cookies)
        return headers


@dataclass(frozen=True, slots=True)
class EventStream(Reply):
    """A reply whose body goes on until the caller leaves or the events end.

    Proxies must not collect it (nginx: X-Accel-Buffering) or compress it, which collects it too (RFC 9111 §5.2.2.6).
    """

    cache: str = "no-store, no-transform"
    headers: Iterable[tuple[str, str]] = (("x-accel-buffering", "no"),)
    events: AsyncIterator[bytes] = field(kw_only=True)
    receive: Receive = field(kw_only=True)

    async def send(self, send: Send, *, extra: Iterable[tuple[str, str]] = (), bodiless: bool = False) -> None:
        """Start the reply, pass events on as they come, stop when the caller is gone."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.head(extra)})
        if bodiless:
            await send({"type": "http.response.body", "body": b""})
            return
        await pass_on(self.events, receive=self.receive, send=send)


async def pass_on(events: AsyncIterator[bytes], *, receive: Receive, send: Send) -> None:
    """Send events as they come, and the end of the body after them. Stops when the caller is gone.

    Raises what the events raise: then the response has no end.
    """
    leaving, passing = asyncio.create_task(_left(receive)), asyncio.create_task(_pass_all_on(events, send))
    try:
        await asyncio.wait({leaving, passing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (leaving, passing):
            task.cancel()
        await asyncio.gather(leaving, passing, return_exceptions=True)
    if passing.cancelled():
        return
    with contextlib.suppress(OSError):  # so servers tell that the caller left while something was sent
        passing.result()
        await send({"type": "http.response.body", "body": b""})


async def _pass_all_on(events: AsyncIterator[bytes], send: Send) -> None:
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
