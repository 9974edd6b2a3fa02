"""WebSockets in a Django project, with Channels.

    application = ProtocolTypeRouter({
        "http": get_asgi_application(),
        "websocket": LiveGuard(URLRouter([path("chat/", Chat.as_asgi())])),
    })

A consumer finds its caller as `self.scope["principal"]`, and by the newest token with `current_principal(self.scope)`;
with GATEPASS_USERS `self.scope["user"]` is the user's row. No Channels is imported: this is a plain ASGI application,
which also does the work of AllowedHostsOriginValidator, by the origins of the gate.
"""

import asyncio
from typing import Any

from asgiref.sync import sync_to_async

from gatepass.access import asgi, asgi_guard
from gatepass.access.check import check_step_up
from gatepass.access.live_socket import LiveSocket, admit
from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken, Problem
from gatepass.guards.django.conf import django_users, gate
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send


class LiveGuard:
    """Lets the callers of WebSockets in, who must cover `scopes`, before the application inside sees them."""

    def __init__(self, app: ASGIApp, *scopes: str, max_age: int | None = None, acr: str | None = None) -> None:
        """With `max_age` a caller must have signed in at most that many seconds ago, with `acr` by such means."""
        check_step_up(max_age, acr)
        self._app = app
        self._scopes = scopes
        self._max_age = max_age
        self._acr = acr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or close, and run the application."""
        made = gate()
        # As for requests: Channels runs no lifespan, so the gate opens when it is first needed.
        await asyncio.to_thread(made.wait_until_open)
        guarded = {**scope}
        asgi_guard.prepare_scope(guarded, check=made.check, cookies=made.cookies, live=made.live)
        await LiveSocket(guarded, receive, send, live=made.live).run(self._let_in, guarded)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            principal = scope["principal"] = await admit(scope, *self._scopes, max_age=self._max_age, acr=self._acr)
        except Problem:  # it is closed
            return
        if (users := django_users()) is not None:
            scope["user"] = await sync_to_async(users.row)(principal.account_id)
            if scope["user"] is None:
                raise InvalidToken("no such user, or one who may not sign in")
        await self._app(scope, receive, send)


def current_principal(scope: Any, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The caller of an open WebSocket by its newest token, who must cover `scopes`; `scope` is a consumer's.

    Raises InvalidToken, InsufficientScope or InsufficientUserAuthentication.
    """
    return asgi.current_principal(scope, *scopes, max_age=max_age, acr=acr)
