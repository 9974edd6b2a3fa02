"""The guard for any ASGI application: a plain middleware that acts before the application sees a request.

It removes the refresh token from the Cookie header and a link from the query (`wire/links.py`), so that the
application, its middleware and its logs never see them; only the auth endpoints mounted inside get the token back. It
puts the Check into the scope, so a route asks for its caller where it needs one (`access/asgi.py`). It responds to the
refusals that the application does not handle, also where the application has made an error page of one
(`access/refusals.py`), and lets CORS preflights pass: no preflight has a token.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gatepass.access.asgi import CHECK, current_principal
from gatepass.access.check import Check
from gatepass.access.live import LIVE, LiveConnections
from gatepass.access.live_socket import LiveSocket, socket_of
from gatepass.access.refusals import GuardedSend, problem_of
from gatepass.errors import GatepassError, Problem
from gatepass.wire.asgi import SENDER, ASGIApp, Receive, Scope, Send, keep, relative_path
from gatepass.wire.cookies import Cookies
from gatepass.wire.headers import Headers
from gatepass.wire.links import LINK, AskedLink, has_link, split_query
from gatepass.wire.origin import Origins


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
        query = scope.get("query_string")
        by_link = has_link(query) and withhold_link(scope) if query else False
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
            await sender.refuse(problem, cors=cors.headers() if cors else ())
        except BaseException:
            await sender.release()
            raise
        else:
            if sender.held:
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

    Returns whether there was one that may open something: a websocket is opened by none.
    """
    asked = scope.get("query_string", b"")
    if not has_link(asked):
        return False
    query, link = split_query(asked.decode("latin-1"))
    if link is None:
        return False
    if scope["type"] != "http":
        scope["query_string"] = query.encode("latin-1")
        return False
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    whole = path if not root or path == root or path.startswith(root + "/") else root + path
    scope["query_string"] = query.encode("latin-1")
    scope[LINK] = AskedLink(link, scope["method"], whole, query)
    return True
