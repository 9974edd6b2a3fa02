"""The plugin: the gate's lifetime, its endpoints, and the guard around the whole application."""

import contextlib
from collections.abc import AsyncIterator
from copy import copy
from typing import Any

from litestar import Litestar, Response, asgi
from litestar.config.app import AppConfig
from litestar.connection import Request
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import InitPlugin, ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Receive, Scope, Send

from gatepass.access import asgi_guard as guard
from gatepass.access import live_socket
from gatepass.access.gate import Gate
from gatepass.access.refusals import GuardedSend
from gatepass.errors import Problem
from gatepass.guards.litestar.dependencies import add_dependencies, refuse_cached
from gatepass.guards.litestar.principal import Denied
from gatepass.guards.litestar.requires import MOUNTED, Requires
from gatepass.wire.asgi import SENDER, ASGIApp
from gatepass.wire.problems import MEDIA_TYPE, document

SCHEME = "Gatepass"


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
        add_dependencies(app_config)
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
                refuse_cached(handler)
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
    @asgi(mount, is_mount=True, copy_scope=True, opt={MOUNTED: True})
    async def auth(scope: Scope, receive: Receive, send: Send) -> None:
        # Litestar strips the mount from the path, adds a slash behind it, and leaves root_path as it was.
        root = scope.get("root_path", "").rstrip("/") + mount.rstrip("/")
        path = root + scope["path"].rstrip("/")
        await endpoints({**scope, "root_path": root, "path": path}, receive, send)  # type: ignore[arg-type]

    return auth


def _scheme() -> Components:
    scheme = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT", description="A Gatepass access token")
    return Components(security_schemes={SCHEME: scheme})


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
