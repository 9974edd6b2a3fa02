"""Litestar guards: which callers a handler, a controller, a router or the whole application takes."""

from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler

from gatepass.access.check import check_step_up
from gatepass.guards.litestar.principal import Connection, admit, current_principal, page_principal

MOUNTED = "gatepass_mounted"
"""The option by which the auth endpoints are known."""


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
        if not handler.opt.get(MOUNTED):
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
