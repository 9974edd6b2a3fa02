"""The guard for any ASGI application: a plain middleware that acts before the application sees a request.

It removes the refresh token from the Cookie header and a link from the query (`wire/links.py`), so that the
application, its middleware and its logs never see them; only the auth endpoints mounted inside get the token back. It
puts the Check into the scope, so a route asks for its caller where it needs one. It responds to the refusals that the
application does not handle, also where the application has made an error page of one (`access/refusals.py`), and lets
CORS preflights pass: no preflight has a token.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

from gatepass.access.check import Check
from gatepass.access.live import LIVE, LiveConnections
from gatepass.access.live_socket import LiveSocket, socket_of
from gatepass.access.live_stream import Chunk, until_over
from gatepass.access.pages import PATH_CHARACTERS, PageRequest, pages_of
from gatepass.access.refusals import GuardedSend, Refusals, problem_of, refuse
from gatepass.access.rendered import Rendered
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, GatepassError, Problem
from gatepass.wire.asgi import SENDER, ASGIApp, Receive, Scope, Send, keep, reclaim, relative_path
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers
from gatepass.wire.links import LINK, AskedLink, has_link, split_query
from gatepass.wire.origin import Origins

CHECK = "gatepass.check"
"""The key of the Check in a scope, and in the lifespan state."""


class Guard:
    """`Guard(app, check=…, cookies=…)`. With `required` every request needs a valid access token, except preflights.

    `origins` are those of the gate: its refusals have CORS headers for them. Preflights from them for paths below
    `mounts` go to `endpoints` and not through the application, whose CORS rules are not theirs.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        check: Check,
        cookies: Cookies,
        live: LiveConnections,
        required: bool = False,
        origins: Origins | None = None,
        endpoints: ASGIApp | None = None,
        mounts: Sequence[str] = (),
    ) -> None:
        self._app = app
        self._check = check
        self._cookies = cookies
        self._live = live
        self._required = required
        self._origins = origins if origins and origins.foreign else None
        self._preflights = Preflights(endpoints, self._origins, mounts)
        self.entered = 0
        """How many lifespans hold this guard around their application; `undo` takes it away after the last one."""
        self.undo: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard http and websocket; pass other scopes on."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        by_link = has_link(scope.get("query_string", b"")) and withhold_link(scope)
        guarded = {**scope}
        prepare_scope(guarded, check=self._check, cookies=self._cookies, live=self._live)
        if kind == "websocket":
            del scope
            socket = LiveSocket(guarded, receive, send, live=self._live)
            await socket.run(self._let_in if self._required else self._app, guarded)
            return
        is_preflight = scope.get("method") == "OPTIONS" and is_cors_preflight(scope)
        sender = guarded[SENDER] = GuardedSend(send)
        sender.by_link = by_link
        cors = _Cors(self._origins, scope["headers"]) if self._origins else None
        try:
            if is_preflight and await self._preflights.answer(scope, receive, send):
                return
            if self._required and not is_preflight:
                current_principal(guarded)
            running = self._app(guarded, receive, sender)
            # An error of the application passes here, and crash reports show local variables: no headers among them.
            del scope, guarded
            await running
        except GatepassError as refusal:
            problem = problem_of(refusal)
            if problem is None or sender.has_started:
                await sender.release()
                raise
            await refuse(problem, send, cors=cors.headers() if cors else ())
        except BaseException:
            await sender.release()
            raise
        else:
            await sender.release()
        finally:
            if sender.delivery is not None:
                sender.delivery.close()

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, of which every caller must be known before the application sees it."""
        socket = socket_of(scope)
        try:
            await socket.admit() if socket else None
        except Problem:  # it is closed
            return
        await self._app(scope, receive, send)

    def is_of(self, other: "Guard") -> bool:
        """Whether both are guards of one gate."""
        return self._check is other._check


class Preflights:
    """The CORS preflights from `origins` for the auth endpoints, which are mounted at `mounts`."""

    def __init__(self, endpoints: ASGIApp | None, origins: Origins | None, mounts: Sequence[str]) -> None:
        self._endpoints = endpoints
        self._origins = origins
        self._mounts = mounts

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether this preflight was one for the endpoints, and they have responded to it."""
        if not self._mounts or self._endpoints is None or self._origins is None:
            return False
        path = relative_path(scope)
        mount = next((each for each in self._mounts if path == each or path.startswith(each + "/")), None)
        if mount is None or not self._origins.opens_to(Headers(scope["headers"])):
            return False
        root = scope.get("root_path", "").rstrip("/")
        await self._endpoints({**scope, "root_path": root + mount, "path": root + path}, receive, send)
        return True


class _Cors:
    """The CORS headers of a refusal, if there is one. The request's headers are in no variable of the guard."""

    __slots__ = ("_origins", "_raw")

    def __init__(self, origins: Origins, raw: Any) -> None:
        self._origins = origins
        self._raw = raw

    def headers(self) -> list[tuple[str, str]]:
        return self._origins.cors(Headers(self._raw))


class GuardMaker(Protocol):
    """`guard` of a gate."""

    def __call__(self, app: ASGIApp, /, *, mounts: Sequence[str]) -> Guard:
        """Wrap an application whose auth endpoints are at `mounts`."""
        ...


@contextmanager
def guarding(app: Any, guard: GuardMaker, *, endpoints: ASGIApp | None) -> Iterator[None]:
    """Guard a Starlette application while the block runs; afterwards it is as it was.

    For lifespans: the application may be started again and again, and by several at once.
    """
    if not hasattr(app, "middleware_stack"):
        yield
        return
    before = app.middleware_stack
    stack = app.build_middleware_stack() if before is None else before
    around = guard(stack, mounts=_mounts_of(app, endpoints))
    if isinstance(stack, Guard) and stack.is_of(around):
        around = stack
    if around.entered == 0:
        around.undo = _install(app, around, stack, before)
    around.entered += 1
    try:
        yield
    finally:
        around.entered -= 1
        if around.entered == 0:
            around.undo()


def _install(app: Any, around: Guard, stack: Any, before: Any) -> Callable[[], None]:
    """Put the guard in its place. Returns what takes it away again."""
    wrapped = _wrap_layers(stack)
    app.middleware_stack = around

    def undo() -> None:
        if app.middleware_stack is around:
            app.middleware_stack = before
        for layer, inner in wrapped:
            layer.app = inner

    return undo


def _wrap_layers(stack: Any) -> list[tuple[Any, ASGIApp]]:
    """Let each middleware's refusals be answered around that middleware: inside the CORS headers of those outside."""
    found: list[tuple[Any, ASGIApp]] = []
    layer = stack
    while not _has_handlers(layer) and callable(inner := getattr(layer, "app", None)):
        found.append((layer, inner))
        layer.app = Refusals(inner)
        layer = inner
    return found


def _has_handlers(layer: Any) -> bool:
    """Whether a layer runs the application's own handlers of exceptions: they come first for what routes raise."""
    return any(each.__name__ == "ExceptionMiddleware" for each in type(layer).__mro__)


def _mounts_of(app: Any, endpoints: ASGIApp | None, below: str = "") -> list[str]:
    found: list[str] = []
    for route in getattr(app, "routes", ()) if endpoints is not None else ():
        inner, path = getattr(route, "app", None), below + getattr(route, "path", "")
        if inner is endpoints:
            found.append(path)
        elif hasattr(inner, "routes"):
            found.extend(_mounts_of(inner, endpoints, path))
    return found


def is_cors_preflight(scope: Scope) -> bool:
    """Whether an OPTIONS request is a CORS preflight: a browser's question, which never has a token."""
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names


def prepare_scope(scope: Scope, *, check: Check, cookies: Cookies, live: LiveConnections) -> None:
    """Withhold the refresh cookie, add the Check and the live connections.

    Changes `scope` in place, so pass a copy of a server's scope.
    """
    kept, held = cookies.withhold(scope["headers"])
    scope["headers"] = kept
    scope[CHECK] = check
    scope[LIVE] = live
    if held:
        keep(scope, held)


def withhold_link(scope: Scope) -> bool:
    """Take the link out of the query, in place: servers write their access log from the scope that they made.

    Returns whether there was one. A websocket is opened by none.
    """
    asked = scope.get("query_string", b"")
    if not has_link(asked):
        return False
    query, link = split_query(asked.decode("latin-1"))
    if link is None or scope["type"] != "http":
        return False
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    whole = path if not root or path == root or path.startswith(root + "/") else root + path
    scope["query_string"] = query.encode("latin-1")
    scope[LINK] = AskedLink(link, scope["method"], whole, query)
    return True


def current_principal(scope: Scope, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The caller of this request, of `scopes` who signed in within `max_age` seconds, reaching `acr`.

    Of a WebSocket: the caller by its newest token, if that holds now. The first call lets it in, by a header or a
    sub-protocol; only `live_socket.admit` waits for a first message.

    Raises TokenRequired, InvalidToken, InsufficientScope or InsufficientUserAuthentication.
    """
    check = check_of(scope)
    if scope["type"] == "websocket" and (socket := socket_of(scope)) is not None:
        principal = socket.admit_now()
    else:
        principal = check.principal(authorizations(scope))
    if not scopes and max_age is None and acr is None:
        return principal
    return check.require(principal, scopes, max_age=max_age, acr=acr)


def link_principal(scope: Scope, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    Raises as `current_principal`.
    """
    check = check_of(scope)
    return check.require(check.linked(authorizations(scope), scope.get(LINK)), scopes)


def optional_principal(scope: Scope) -> Principal | None:
    """The caller, or None if the request has no token. Raises InvalidToken for an invalid token."""
    if (socket := socket_of(scope)) is not None:
        return socket.admit_now() if socket.is_admitted or socket.shown() else None
    return check_of(scope).optional(authorizations(scope))


def page_principal(scope: Scope, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The person for whom this request's page is rendered, who must cover `scopes` (PROTOCOL §10).

    Raises as `PageCheck.principal`, and ConfigurationError for a gate without pages.
    """
    pages = pages_of(check_of(scope))
    _mark(scope, "for-a-person")
    return pages.principal(page_request(scope), scopes, max_age=max_age, acr=acr)


def optional_page_principal(scope: Scope) -> Principal | None:
    """The person, or None for one who is signed out. Raises as `PageCheck.optional`."""
    pages = pages_of(check_of(scope))
    _mark(scope, "for-anyone")
    found = pages.optional(page_request(scope))
    if found is not None:
        _mark(scope, "for-a-person")
    return found


def page_request(scope: Scope) -> PageRequest:
    """The request as its browser sent it: below a proxy's prefix too, as far as this server knows of it."""
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    whole = path if not root or path == root or path.startswith(root + "/") else root + path
    query = scope.get("query_string", b"").decode("latin-1")
    target = quote(whole, safe=PATH_CHARACTERS) + (f"?{query}" if query else "")
    headers = Headers(scope["headers"])
    return PageRequest(scope.get("method", ""), target, headers, reclaim(scope, headers))


def _mark(scope: Scope, rendered: Rendered) -> None:
    """Let the guard fit the response for caches."""
    sender = scope.get(SENDER)
    if isinstance(sender, GuardedSend):
        sender.rendered = rendered


def live_stream(scope: Scope, chunks: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks of a long response to the caller of this request, until the session ends or the token runs out.

    Raises TokenRequired, InvalidToken or Unavailable.
    """
    live = scope.get(LIVE)
    if not isinstance(live, LiveConnections):
        raise ConfigurationError("No gate guards this application: app = gate.guard(app), or lifespan=gate.lifespan.")
    return until_over(chunks, current_principal(scope), live=live)


def authorizations(scope: Scope) -> list[str]:
    """The values of all Authorization headers of a request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


def check_of(scope: Scope) -> Check:
    """The Check of this request: from the guard, or from the lifespan state. Raises ConfigurationError without one."""
    check = scope.get(CHECK) or scope.get("state", {}).get(CHECK)
    if isinstance(check, Check):
        return check
    if _has_lifespan(scope.get("app")):
        raise ConfigurationError(
            "The lifespan of this application, gate.lifespan, has not run. In tests: `with TestClient(app) as "
            "client:`. With httpx.ASGITransport: `async with app.router.lifespan_context(app):` around it. A server "
            "must run lifespans (uvicorn: --lifespan on)."
        )
    raise ConfigurationError(
        "No gate guards this application: pass lifespan=gate.lifespan, and in tests enter it (`with TestClient(app) as "
        "client:`). Or wrap it: app = gate.guard(app)."
    )


def _has_lifespan(app: Any) -> bool:
    """Whether the lifespan of a Starlette application is that of a gate."""
    lifespan = getattr(getattr(app, "router", None), "lifespan_context", None)
    return isinstance(getattr(getattr(lifespan, "__self__", None), "check", None), Check)
