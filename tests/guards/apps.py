"""The same small application behind each guard, so that one table of cases runs against all.

/me        any valid caller             {"account", "session"}
/maybe     anybody                      {"account"} or {"account": null}
/notes     a caller with notes:read     {"account"}
/seen      what an application sees     {"cookies", "headers"}
/auth/…    the gate's own endpoints
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass.core.access_token import Principal
from gatepass.gate import Gatepass
from gatepass.guards import asgi
from gatepass.guards import fastapi as guard_fastapi
from gatepass.guards import starlette as guard_starlette
from gatepass.guards.fastapi import CurrentPrincipal, OptionalPrincipal
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send

Make = Callable[[Gatepass], ASGIApp]


def seen(request: Request) -> dict[str, Any]:
    return {
        "cookies": dict(request.cookies),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
    }


def bare(gate: Gatepass) -> ASGIApp:
    """No framework: a function behind the guard."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(gate, receive, send)
            return
        if scope["path"].startswith("/auth/"):
            await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
            return
        await JSONResponse(_bare_answer(scope))(scope, receive, send)

    return gate.guard(app)


def _bare_answer(scope: Scope) -> dict[str, Any]:
    match scope["path"]:
        case "/me":
            caller = asgi.current_principal(scope)
            return {"account": caller.account_id, "session": caller.session_id}
        case "/maybe":
            found = asgi.optional_principal(scope)
            return {"account": found.account_id if found else None}
        case "/notes":
            return {"account": asgi.current_principal(scope, "notes:read").account_id}
        case _:
            return seen(Request(scope))


async def _run_lifespan(gate: Gatepass, receive: Receive, send: Send) -> None:
    await receive()
    async with gate.running():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


def starlette(gate: Gatepass) -> ASGIApp:
    """Starlette, guarded by the gate's lifespan alone."""

    @guard_starlette.requires()
    async def me(request: Request) -> JSONResponse:
        caller = guard_starlette.current_principal(request)
        return JSONResponse({"account": caller.account_id, "session": caller.session_id})

    async def maybe(request: Request) -> JSONResponse:
        found = guard_starlette.optional_principal(request)
        return JSONResponse({"account": found.account_id if found else None})

    @guard_starlette.requires("notes:read")
    async def notes(request: Request) -> JSONResponse:
        return JSONResponse({"account": guard_starlette.current_principal(request).account_id})

    async def what_is_seen(request: Request) -> JSONResponse:
        return JSONResponse(seen(request))

    routes = [
        Route("/me", me),
        Route("/maybe", maybe),
        Route("/notes", notes),
        Route("/seen", what_is_seen),
        Mount("/auth", gate.asgi),
    ]
    return Starlette(routes=routes, lifespan=gate.lifespan)


def fastapi(gate: Gatepass) -> FastAPI:
    """FastAPI, guarded by the gate's lifespan alone."""
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> dict[str, str]:
        return {"account": principal.account_id, "session": principal.session_id}

    @app.get("/maybe")
    async def maybe(principal: OptionalPrincipal) -> dict[str, str | None]:
        return {"account": principal.account_id if principal else None}

    @app.get("/notes")
    async def notes(
        principal: Annotated[Principal, guard_fastapi.requires("notes:read")],
    ) -> dict[str, str]:
        return {"account": principal.account_id}

    @app.get("/seen")
    async def what_is_seen(request: FastAPIRequest) -> dict[str, Any]:
        return seen(request)

    return app


ALL: dict[str, Make] = {"asgi": bare, "starlette": starlette, "fastapi": fastapi}
