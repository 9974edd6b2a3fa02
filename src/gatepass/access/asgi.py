"""The guard for any ASGI application: a plain middleware that acts before the application sees a request.

It removes the refresh token from the Cookie header, so that the application, its middleware and its logs never see it;
only the auth endpoints mounted inside get it back. It puts the Check into the scope, so a route asks for its caller
where it needs one, and it responds to the refusals that the application does not handle.
"""

from gatepass.access.check import Check
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, Problem
from gatepass.wire.asgi import WITHHELD, ASGIApp, Receive, Scope, Send, Withheld
from gatepass.wire.cookies import Cookies
from gatepass.wire.problems import MEDIA_TYPE, document

CHECK = "gatepass.check"
"""The key of the Check in a scope, and in the lifespan state."""


class Guard:
    """`Guard(app, check=…, cookies=…)`. With `required` every request needs a valid access token."""

    def __init__(self, app: ASGIApp, *, check: Check, cookies: Cookies, required: bool = False) -> None:
        self._app = app
        self._check = check
        self._cookies = cookies
        self._required = required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard http and websocket; pass other scopes on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        kind, guarded = scope["type"], {**scope}
        prepare_scope(guarded, check=self._check, cookies=self._cookies)
        try:
            if self._required:
                current_principal(guarded)
            running = self._app(guarded, receive, send)
            # An error of the application passes here, and crash reports show local variables: no headers among them.
            del scope, guarded
            await running
        except Problem as problem:
            await refuse(problem, kind, send)


def prepare_scope(scope: Scope, *, check: Check, cookies: Cookies) -> None:
    """Withhold the refresh cookie and add the Check. Changes `scope` in place, so pass a copy of a server's scope."""
    kept, held = cookies.withhold(scope["headers"])
    scope["headers"] = kept
    scope[CHECK] = check
    if held:
        scope[WITHHELD] = Withheld(held)


def current_principal(scope: Scope, *scopes: str, max_age: int | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in at most `max_age` seconds ago.

    Raises TokenRequired, InvalidToken, InsufficientScope or InsufficientUserAuthentication.
    """
    check = check_of(scope)
    principal = check.principal(authorizations(scope))
    return check.require(principal, scopes, max_age=max_age) if scopes or max_age is not None else principal


def optional_principal(scope: Scope) -> Principal | None:
    """The caller, or None if the request has no token. Raises InvalidToken for an invalid token."""
    return check_of(scope).optional(authorizations(scope))


def authorizations(scope: Scope) -> list[str]:
    """The values of all Authorization headers of a request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


def check_of(scope: Scope) -> Check:
    """The Check of this request: from the guard, or from the lifespan state. Raises ConfigurationError without one."""
    check = scope.get(CHECK) or scope.get("state", {}).get(CHECK)
    if not isinstance(check, Check):
        raise ConfigurationError(
            "No gate guards this application: pass lifespan=gate.lifespan or wrap it, app = gate.guard(app)."
        )
    return check


async def refuse(problem: Problem, kind: str, send: Send) -> None:
    """Respond with a problem that the application did not handle. `kind` is the type of the scope."""
    if kind == "websocket":
        # 1008: policy violation (RFC 6455 §7.4.1); before the handshake is accepted this is a plain 403.
        await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
        return
    body = document(problem)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
