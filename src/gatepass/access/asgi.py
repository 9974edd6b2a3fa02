"""The guard for any ASGI application: a plain middleware that acts before the application sees a request.

It takes the refresh token out of the Cookie header and keeps it from the application, its middleware and its
logs; only the auth endpoints mounted inside take it back. It leaves the Check in the scope, so a
route asks for its caller where it needs one, and answers for refusals that the application lets pass through.
"""

from gatepass.access.check import Check
from gatepass.core.access_token import Principal
from gatepass.errors import ConfigurationError, Problem
from gatepass.wire.asgi import WITHHELD, ASGIApp, Receive, Scope, Send, Withheld
from gatepass.wire.cookies import Cookies
from gatepass.wire.problems import MEDIA_TYPE, document

CHECK = "gatepass.check"


class Guard:
    """`Guard(app, check=…, cookies=…)`. With `required` every request needs a valid access token."""

    def __init__(self, app: ASGIApp, *, check: Check, cookies: Cookies, required: bool = False) -> None:
        self._app = app
        self._check = check
        self._cookies = cookies
        self._required = required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard http and websocket; pass everything else on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        guarded = {**scope}
        admit(guarded, check=self._check, cookies=self._cookies)
        try:
            if self._required:
                current_principal(guarded)
            await self._app(guarded, receive, send)
        except Problem as problem:
            await refuse(problem, scope, send)


def admit(scope: Scope, *, check: Check, cookies: Cookies) -> None:
    """Turn a request's scope into what a guarded application may see of it. In place: pass a copy, if it is yours."""
    kept, held = cookies.withhold(scope["headers"])
    scope["headers"] = kept
    scope[CHECK] = check
    if held:
        scope[WITHHELD] = Withheld(held)


def current_principal(scope: Scope, *scopes: str, max_age: int | None = None) -> Principal:
    """The caller of this request, who covers `scopes` and signed in at most `max_age` seconds ago.

    Raises TokenRequired, InvalidToken, InsufficientScope or InsufficientUserAuthentication.
    """
    check = check_of(scope)
    principal = check.principal(authorizations(scope))
    return check.require(principal, scopes, max_age=max_age) if scopes or max_age is not None else principal


def optional_principal(scope: Scope) -> Principal | None:
    """The caller, or None where no token came. Raises InvalidToken for a token that does not hold."""
    return check_of(scope).optional(authorizations(scope))


def authorizations(scope: Scope) -> list[str]:
    """Every Authorization header of a request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


def check_of(scope: Scope) -> Check:
    """The Check that guards this request: the guard's, or the one that the gate's lifespan left in the state."""
    check = scope.get(CHECK) or scope.get("state", {}).get(CHECK)
    if not isinstance(check, Check):
        raise ConfigurationError(
            "No gate guards this application: pass lifespan=gate.lifespan or wrap it, app = gate.guard(app)."
        )
    return check


async def refuse(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer a problem that a guarded application let pass through."""
    if scope["type"] == "websocket":
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
