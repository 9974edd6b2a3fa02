"""The application of `apps.py` behind Litestar's plugin."""

from typing import Any, cast

from litestar import Litestar, Request, get, route

from gatepass.core.principal import Principal
from gatepass.gate import Gatepass
from gatepass.guards.litestar import (
    CurrentPrincipal,
    GatepassPlugin,
    LinkPrincipal,
    OptionalPagePrincipal,
    OptionalPrincipal,
    PagePrincipal,
    link_principal,
    requires,
    requires_page,
)
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


@get("/safe", guards=[requires("notes:read", acr="mfa")])
async def safe(principal: CurrentPrincipal) -> dict[str, str]:
    return {"account": principal.account_id}


@get("/vault", guards=[requires("notes:read", max_age=RECENT)])
async def vault(principal: CurrentPrincipal) -> dict[str, str]:
    return {"account": principal.account_id}


@route("/page", http_method=["GET", "HEAD", "POST"], status_code=200)
async def page(page_principal: PagePrincipal) -> dict[str, str]:
    return {"account": page_principal.account_id}


@get("/page-notes", guards=[requires_page("notes:read")])
async def page_notes(page_principal: PagePrincipal) -> dict[str, str]:
    return {"account": page_principal.account_id}


@route("/page-or-not", http_method=["GET", "POST"], status_code=200)
async def page_or_not(optional_page_principal: OptionalPagePrincipal) -> dict[str, str | None]:
    return {"account": optional_page_principal.account_id if optional_page_principal else None}


def linked(caller: Principal, query: str) -> dict[str, Any]:
    return {"account": caller.account_id, "session": caller.session_id, "by_link": caller.by_link, "query": query}


@route("/file", http_method=["GET", "HEAD", "POST"], status_code=200)
async def file(link_principal: LinkPrincipal, request: Request[Any, Any, Any]) -> dict[str, Any]:
    return linked(link_principal, request.url.query)


@get("/secret")
async def secret(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return linked(link_principal(request, "notes:read"), request.url.query)


@get("/seen")
async def seen(request: Request[Any, Any, Any]) -> dict[str, Any]:
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.scope["headers"]]
    return {"cookies": dict(request.cookies), "headers": headers}


def make(gate: Gatepass) -> ASGIApp:
    """Litestar, guarded by the plugin alone."""
    handlers = [me, maybe, notes, vault, safe, page, page_notes, page_or_not, file, secret, seen]
    return cast(ASGIApp, Litestar(handlers, plugins=[GatepassPlugin(gate)]))
