"""The application of `apps.py` behind Litestar's plugin."""

from typing import Any, cast

from litestar import Litestar, Request, get

from gatepass.gate import Gatepass
from gatepass.guards.litestar import CurrentPrincipal, GatepassPlugin, OptionalPrincipal, requires
from gatepass.wire.asgi import ASGIApp
from tests.guards.django_project import RECENT


@get("/me")
async def me(principal: CurrentPrincipal) -> dict[str, str]:
    return {"account": principal.account_id, "session": principal.session_id}


@get("/maybe")
async def maybe(optional_principal: OptionalPrincipal) -> dict[str, str | None]:
    return {"account": optional_principal.account_id if optional_principal else None}


@get("/notes", guards=[requires("notes:read")])
async def notes(principal: CurrentPrincipal) -> dict[str, str]:
    return {"account": principal.account_id}


@get("/vault", guards=[requires("notes:read", max_age=RECENT)])
async def vault(principal: CurrentPrincipal) -> dict[str, str]:
    return {"account": principal.account_id}


@get("/seen")
async def seen(request: Request[Any, Any, Any]) -> dict[str, Any]:
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.scope["headers"]]
    return {"cookies": dict(request.cookies), "headers": headers}


def make(gate: Gatepass) -> ASGIApp:
    """Litestar, guarded by the plugin alone."""
    return cast(ASGIApp, Litestar([me, maybe, notes, vault, seen], plugins=[GatepassPlugin(gate)]))
