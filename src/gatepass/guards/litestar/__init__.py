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

from gatepass._extras import missing_extra

try:
    import litestar  # noqa: F401 - whether it is there
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "litestar", sentence="This guard needs litestar: pip install 'gatepass[litestar]'"
    ) from None

from gatepass.guards.litestar.dependencies import (
    CurrentPrincipal,
    LinkPrincipal,
    OptionalPagePrincipal,
    OptionalPrincipal,
    PagePrincipal,
)
from gatepass.guards.litestar.plugin import GatepassPlugin
from gatepass.guards.litestar.principal import (
    Denied,
    admit,
    current_principal,
    link_principal,
    live_stream,
    optional_page_principal,
    optional_principal,
    page_principal,
)
from gatepass.guards.litestar.requires import Requires, RequiresPage, requires, requires_page

__all__ = [
    "CurrentPrincipal",
    "Denied",
    "GatepassPlugin",
    "LinkPrincipal",
    "OptionalPagePrincipal",
    "OptionalPrincipal",
    "PagePrincipal",
    "Requires",
    "RequiresPage",
    "admit",
    "current_principal",
    "link_principal",
    "live_stream",
    "optional_page_principal",
    "optional_principal",
    "page_principal",
    "requires",
    "requires_page",
]
