"""The caller of a request in any ASGI application: routes ask here for it. The guard around is in `asgi_guard`."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any
from urllib.parse import quote

from gatepass.access.check import Check
from gatepass.access.live import LIVE, LiveConnections
from gatepass.access.live_socket import socket_of
from gatepass.access.live_stream import Chunk, until_over
from gatepass.access.pages import PATH_CHARACTERS, PageRequest, pages_of
from gatepass.access.refusals import GuardedSend
from gatepass.access.rendered import Rendered
from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError
from gatepass.wire.asgi import SENDER, Scope, reclaim
from gatepass.wire.headers import Headers
from gatepass.wire.links import LINK

CHECK = "gatepass.check"
"""The key of the Check in a scope, and in the lifespan state."""


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
