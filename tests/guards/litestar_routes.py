"""Routes in Litestar's idiom, and an application of them behind the plugin."""

from typing import Any, cast

from litestar import Litestar, Request, WebSocket, get, websocket

from gatepass.guards.litestar import CurrentPrincipal, GatepassPlugin, OptionalPrincipal, current_principal, requires
from gatepass.wire.asgi import ASGIApp
from tests.support.browser import Browser
from tests.support.gates import GateHarness


@get("/me")
async def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling."""
    return {"session": principal.session_id}


@get("/maybe")
async def maybe(optional_principal: OptionalPrincipal) -> dict[str, bool]:
    return {"known": optional_principal is not None}


@get("/notes", guards=[requires("notes:read"), requires("notes:write")])
async def notes(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"session": current_principal(request).session_id}


@get("/open")
async def open_route() -> dict[str, str]:
    return {}


@websocket("/ws", guards=[requires()])
async def socket_route(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.close()


def application(at: GateHarness, *handlers: Any, **options: Any) -> ASGIApp:
    chosen = handlers or (me, maybe, notes, open_route, socket_route)
    return cast(ASGIApp, Litestar(list(chosen), plugins=[GatepassPlugin(at.gate)], **options))


async def signed_in(app: ASGIApp) -> Browser:
    ann = Browser(app, mount="/auth")
    assert (await ann.register()).status == 201
    return ann
