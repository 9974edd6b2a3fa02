"""The guard as a Litestar plugin.

    app = Litestar([me, notes], plugins=[GatepassPlugin(gate)])

    @get("/me")
    async def me(principal: CurrentPrincipal) -> ...

    @get("/notes", guards=[requires("notes:read")])
    async def notes(principal: CurrentPrincipal) -> ...

    @get("/board")                          # a page that is rendered here, for a browser that opens it
    async def board(page_principal: PagePrincipal) -> Template: ...

The plugin opens and closes the gate with the application, mounts the auth endpoints, takes the refresh cookie out of
every request, answers refusals as problem documents, and marks in OpenAPI which routes need an access token.
"""

import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from copy import copy
from typing import Any

from gatepass._extras import missing_extra

try:
    from litestar import Litestar, Response, asgi
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "litestar", sentence="This guard needs litestar: pip install 'gatepass[litestar]'"
    ) from None
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, WebSocketException
from litestar.handlers import ASGIRouteHandler, BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import SkipValidation
from litestar.plugins import InitPlugin, ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Receive, Scope, Send

from gatepass.access import asgi as guard
from gatepass.access import live_socket
from gatepass.access.check import check_step_up
from gatepass.access.gate import Gate
from gatepass.access.live_stream import Chunk
from gatepass.access.live_wire import POLICY, code_of
from gatepass.access.refusals import GuardedSend
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, GatepassError, Problem
from gatepass.wire.asgi import SENDER, ASGIApp
from gatepass.wire.problems import MEDIA_TYPE, document

SCHEME = "Gatepass"
_MOUNTED = "gatepass_mounted"
_PERSONS = {"principal", "optional_principal", "page_principal", "optional_page_principal"}
"""The dependencies by which a response is for one person."""
Connection = ASGIConnection[Any, Any, Any, Any]

CurrentPrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of a handler's parameter `principal`; without a valid access token the handler answers 401."""
OptionalPrincipal = NamedDependency[SkipValidation[Principal | None]]
"""The type of `optional_principal`: None where no token came; an invalid one is refused all the same."""
PagePrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of `page_principal`; a person who must resume the session or sign in first is sent there."""
OptionalPagePrincipal = NamedDependency[SkipValidation[Principal | None]]
"""The type of `optional_page_principal`: None for a person who is signed out."""

LinkPrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of `link_principal`: the caller by its access token, or by a link to this very address (GET and HEAD)."""


class Denied(HTTPException, GatepassError):
    """A refusal by the guard; `problem` is the error that caused it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(status_code=problem.status, detail=problem.detail, headers=dict(problem.headers))
        self.problem = problem


def current_principal(
    connection: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Raises Denied (401, 403 or 503).
    """
    try:
        return guard.current_principal(connection.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


async def admit(socket: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """Let the caller of a WebSocket in: by a header, a sub-protocol or the first message, which is waited for.

    Then `await socket.accept()` as usual. `current_principal(socket)` is the caller by the newest token. Raises
    WebSocketException after it has closed the socket.
    """
    try:
        return await live_socket.admit(socket.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(socket.scope, problem) from None


def live_stream(request: Connection, chunks: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks of a Stream or ServerSentEvent to the caller, until the session ends or the token runs out.

    Raises Denied, before the response begins.
    """
    try:
        return guard.live_stream(request.scope, chunks)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(request.scope, problem) from None


def link_principal(connection: Connection, *scopes: str) -> Principal:
    """The caller by its access token or by a link to this very address (GET and HEAD), who must cover `scopes`.

    `by_link` of the principal says which. Raises Denied (401, 403 or 503).
    """
    try:
        return guard.link_principal(connection.scope, *scopes)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def optional_principal(connection: Connection) -> Principal | None:
    """The caller, or None where no token came. Raises Denied for an invalid token."""
    try:
        return guard.optional_principal(connection.scope)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def page_principal(
    connection: Connection, *scopes: str, max_age: int | None = None, acr: str | None = None
) -> Principal:
    """The person for whom a page is rendered, by the page cookie, for GET and HEAD (PROTOCOL §10).

    Raises Denied: a 303 for a person who must resume the session or sign in first, else 401, 403 or 503.
    """
    try:
        return guard.page_principal(connection.scope, *scopes, max_age=max_age, acr=acr)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


def optional_page_principal(connection: Connection) -> Principal | None:
    """The person, or None for one who is signed out. Raises Denied as `page_principal`."""
    try:
        return guard.optional_page_principal(connection.scope)  # type: ignore[arg-type]
    except Problem as problem:
        raise _refusal(connection.scope, problem) from None


class Requires:
    """A Litestar guard for a handler, a controller, a router or the whole application."""

    def __init__(self, scopes: tuple[str, ...], max_age: int | None = None, acr: str | None = None) -> None:
        check_step_up(max_age, acr)
        self.scopes = scopes
        self.max_age = max_age
        self.acr = acr

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Return for a valid caller, else raise Denied. The auth endpoints need no token: sign-in is one of them."""
        # Async though it awaits nothing: Litestar runs a plain function on a thread, at twenty times the cost.
        if not handler.opt.get(_MOUNTED):
            if connection.scope["type"] == ScopeType.WEBSOCKET and self.find is current_principal:
                await admit(connection, *self.scopes, max_age=self.max_age, acr=self.acr)
            else:
                self.find(connection, *self.scopes, max_age=self.max_age, acr=self.acr)

    find = staticmethod(current_principal)


class RequiresPage(Requires):
    """The same for pages that are rendered for a person."""

    find = staticmethod(page_principal)


def requires(*scopes: str, max_age: int | None = None, acr: str | None = None) -> Requires:
    """Make a guard that passes only a caller who covers `scopes` (none: any valid caller).

    With `max_age` the caller must have signed in at most that many seconds ago.
    """
    return Requires(scopes, max_age, acr)


def requires_page(*scopes: str, max_age: int | None = None, acr: str | None = None) -> RequiresPage:
    """The same for pages that are rendered for a person, by `page_principal`."""
    return RequiresPage(scopes, max_age, acr)


def answer(_request: Request[Any, Any, Any], refusal: Denied | Problem) -> Response[bytes]:
    """Return the problem document of a Denied, or of a problem that a call of the gate has raised."""
    problem = refusal.problem if isinstance(refusal, Denied) else refusal
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(document(problem), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


class GatepassPlugin(InitPlugin, ReceiveRoutePlugin):
    """Guards a Litestar application by `gate`, whose auth endpoints are mounted at `auth` (None: nowhere)."""

    def __init__(self, gate: Gate, *, auth: str | None = "/auth") -> None:
        self._gate = gate
        self._auth = auth

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the lifespan, the endpoints, the dependencies, the exception handler and the security scheme."""
        app_config.lifespan.insert(0, self._lifespan)
        if self._auth and self._gate.asgi is not None:
            app_config.route_handlers.append(_mounted(self._auth, self._gate.asgi))
        app_config.dependencies.setdefault("principal", Provide(_provide))
        app_config.dependencies.setdefault("optional_principal", Provide(_provide_optional))
        app_config.dependencies.setdefault("link_principal", Provide(_provide_linked, sync_to_thread=False))
        app_config.dependencies.setdefault("page_principal", Provide(_provide_page, sync_to_thread=False))
        app_config.dependencies.setdefault(
            "optional_page_principal", Provide(_provide_optional_page, sync_to_thread=False)
        )
        app_config.exception_handlers.setdefault(Denied, answer)
        app_config.exception_handlers.setdefault(Problem, answer)
        if app_config.openapi_config is not None:
            described = copy(app_config.openapi_config)
            given = described.components
            described.components = [*(given if isinstance(given, list) else [given]), _scheme()]
            app_config.openapi_config = described
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Mark in OpenAPI what a route requires. Raises ConfigurationError for a cached one that is for one person."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                _refuse_cached(handler)
                _describe(handler)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Litestar) -> AsyncIterator[None]:
        inner, gate = app.asgi_handler, self._gate
        mounts = [self._auth.rstrip("/")] if self._auth else []
        preflights = guard.Preflights(gate.asgi, gate.origins, mounts)

        async def guarded(received: Scope, receive: Any, send: Any) -> None:
            scope: Any = received
            is_preflight = scope.get("method") == "OPTIONS" and guard.is_cors_preflight(scope)
            if is_preflight and await preflights.answer(scope, receive, send):
                return
            # In place, as Litestar itself writes into the scope: its hooks hold this very object.
            by_link = guard.withhold_link(scope)
            guard.prepare_scope(scope, check=gate.check, cookies=gate.cookies, live=gate.live)
            if scope["type"] == ScopeType.WEBSOCKET:
                await live_socket.LiveSocket(scope, receive, send, live=gate.live).run(inner, scope)  # type: ignore[arg-type]
                return
            sender = scope[SENDER] = GuardedSend(send)
            sender.by_link = by_link
            try:
                await inner(scope, receive, sender)  # type: ignore[arg-type]
            finally:
                await sender.release()
                if sender.delivery is not None:
                    sender.delivery.close()

        # Around the whole stack: a middleware would not cover routing errors, exception handlers and hooks.
        app.asgi_handler = guarded
        try:
            async with self._gate.running():
                yield
        finally:
            app.asgi_handler = inner


def _mounted(mount: str, endpoints: ASGIApp) -> ASGIRouteHandler:
    @asgi(mount, is_mount=True, copy_scope=True, opt={_MOUNTED: True})
    async def auth(scope: Scope, receive: Receive, send: Send) -> None:
        # Litestar strips the mount from the path, adds a slash behind it, and leaves root_path as it was.
        root = scope.get("root_path", "").rstrip("/") + mount.rstrip("/")
        path = root + scope["path"].rstrip("/")
        await endpoints({**scope, "root_path": root, "path": path}, receive, send)  # type: ignore[arg-type]

    return auth


async def _provide(scope: Scope) -> Principal:
    if scope["type"] == ScopeType.WEBSOCKET:
        return await admit(ASGIConnection(scope))
    return current_principal(ASGIConnection(scope))


async def _provide_optional(scope: Scope) -> Principal | None:
    return optional_principal(ASGIConnection(scope))


def _provide_page(scope: Scope) -> Principal:
    return page_principal(ASGIConnection(scope))


def _provide_optional_page(scope: Scope) -> Principal | None:
    return optional_page_principal(ASGIConnection(scope))


def _provide_linked(scope: Scope) -> Principal:
    return link_principal(ASGIConnection(scope))


def _refusal(scope: Scope, problem: Problem) -> Denied | WebSocketException:
    if scope["type"] == ScopeType.WEBSOCKET:
        socket = live_socket.socket_of(scope)  # type: ignore[arg-type]
        is_in = socket is not None and socket.is_admitted
        return WebSocketException(detail=problem.code, code=code_of(problem) if is_in else POLICY)
    return Denied(problem)


def _scheme() -> Components:
    scheme = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT", description="A Gatepass access token")
    return Components(security_schemes={SCHEME: scheme})


def _refuse_cached(handler: HTTPRouteHandler) -> None:
    """The cache of Litestar has one response for each URL, and asks it before the dependencies."""
    asked = _PERSONS & handler.parsed_fn_signature.parameters.keys()
    if handler.cache and asked:
        raise ConfigurationError(
            f"{handler.handler_name} has cache=… and asks for `{min(asked)}`: the cache would show one person's "
            "response to everybody. Leave cache out, or cache what the handler reads."
        )


def _describe(handler: HTTPRouteHandler) -> None:
    # Not resolve_guards(): its result is wrapped.
    guards = [found for layer in handler.ownership_layers for found in layer.guards or ()]
    asked = [found.scopes for found in guards if isinstance(found, Requires)]
    names = handler.parsed_fn_signature.parameters
    if asked or "principal" in names or "link_principal" in names:
        wanted = {SCHEME: sorted({scope for scopes in asked for scope in scopes})}
        handler.security = [*(handler.security or ()), wanted]
    elif "optional_principal" in names:
        handler.security = [*(handler.security or ()), {SCHEME: []}, {}]
