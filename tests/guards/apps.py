"""The same small application behind each guard, so that one table of cases runs against all.

/me        any valid caller             {"account", "session"}
/maybe     anybody                      {"account"} or {"account": null}
/notes     a caller with notes:read     {"account"}
/vault     … who signed in in the last RECENT seconds
/safe      … who signed in with several factors
/page      the person of a page, GET and POST      {"account"}
/page-notes                 … who has notes:read    {"account"}
/page-or-not                … or nobody             {"account"}
/file      a caller, or a link to it     {"account", "session", "by_link", "query"}
/secret    the same, with notes:read
/seen      what an application sees     {"cookies", "headers"}
/auth/…    the gate's own endpoints
"""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from fastapi import FastAPI, Security
from fastapi import Request as FastAPIRequest
from flask import Flask
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass.access import asgi
from gatepass.access import wsgi as guard_wsgi
from gatepass.core.principal import Principal
from gatepass.gate import Gatepass
from gatepass.guards import fastapi as guard_fastapi
from gatepass.guards import flask as guard_flask
from gatepass.guards import starlette as guard_starlette
from gatepass.guards.fastapi import (
    CurrentPrincipal,
    LinkPrincipal,
    OptionalPagePrincipal,
    OptionalPrincipal,
    PagePrincipal,
)
from gatepass.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from gatepass.wire.wsgi import Environ, StartResponse, raw_headers
from tests.guards import django_project, litestar_app
from tests.support.wsgi import over_asgi, run_lifespan

Make = Callable[[Gatepass], ASGIApp]
RECENT = django_project.RECENT


def seen(request: Request) -> dict[str, Any]:
    return {
        "cookies": dict(request.cookies),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
    }


def linked(caller: Principal, query: str) -> dict[str, Any]:
    return {"account": caller.account_id, "session": caller.session_id, "by_link": caller.by_link, "query": query}


def bare(gate: Gatepass) -> ASGIApp:
    """No framework: a function behind the guard."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_own_lifespan(gate, receive, send)
            return
        if scope["path"].startswith("/auth/"):
            await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
            return
        query = scope["query_string"].decode()
        answer = plain_answer(asgi, scope, path=scope["path"], query=query, rest=lambda: seen(Request(scope)))
        await JSONResponse(answer)(scope, receive, send)

    return gate.guard(app)


def plain_answer(guard: Any, request: Any, *, path: str, query: str, rest: Callable[[], dict[str, Any]]) -> Any:
    """What a route answers by the guard of ASGI or WSGI, which have the same names; `request` is what they take."""
    match path:
        case "/me":
            caller = guard.current_principal(request)
            return {"account": caller.account_id, "session": caller.session_id}
        case "/maybe":
            found = guard.optional_principal(request)
            return {"account": found.account_id if found else None}
        case "/notes":
            return {"account": guard.current_principal(request, "notes:read").account_id}
        case "/file":
            return linked(guard.link_principal(request), query)
        case "/secret":
            return linked(guard.link_principal(request, "notes:read"), query)
        case "/safe":
            return {"account": guard.current_principal(request, "notes:read", acr="mfa").account_id}
        case "/vault":
            return {"account": guard.current_principal(request, "notes:read", max_age=RECENT).account_id}
        case "/page":
            return {"account": guard.page_principal(request).account_id}
        case "/page-notes":
            return {"account": guard.page_principal(request, "notes:read").account_id}
        case "/page-or-not":
            found = guard.optional_page_principal(request)
            return {"account": found.account_id if found else None}
        case _:
            return rest()


async def run_own_lifespan(gate: Gatepass, receive: Receive, send: Send) -> None:
    """The lifespan of an application that opens the gate itself."""
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

    @guard_starlette.requires("notes:read", acr="mfa")
    async def safe(request: Request) -> JSONResponse:
        return JSONResponse({"account": guard_starlette.current_principal(request).account_id})

    @guard_starlette.requires("notes:read", max_age=RECENT)
    async def vault(request: Request) -> JSONResponse:
        return JSONResponse({"account": guard_starlette.current_principal(request).account_id})

    async def page(request: Request) -> JSONResponse:
        return JSONResponse({"account": guard_starlette.page_principal(request).account_id})

    @guard_starlette.requires_page("notes:read")
    async def page_notes(request: Request) -> JSONResponse:
        return JSONResponse({"account": guard_starlette.page_principal(request).account_id})

    async def page_or_not(request: Request) -> JSONResponse:
        found = guard_starlette.optional_page_principal(request)
        return JSONResponse({"account": found.account_id if found else None})

    async def file(request: Request) -> JSONResponse:
        return JSONResponse(linked(guard_starlette.link_principal(request), request.url.query))

    async def secret(request: Request) -> JSONResponse:
        return JSONResponse(linked(guard_starlette.link_principal(request, "notes:read"), request.url.query))

    async def what_is_seen(request: Request) -> JSONResponse:
        return JSONResponse(seen(request))

    routes = [
        Route("/page", page, methods=["GET", "POST"]),
        Route("/page-notes", page_notes),
        Route("/page-or-not", page_or_not, methods=["GET", "POST"]),
        Route("/me", me),
        Route("/maybe", maybe),
        Route("/notes", notes),
        Route("/vault", vault),
        Route("/safe", safe),
        Route("/file", file, methods=["GET", "POST"]),
        Route("/secret", secret),
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

    @app.get("/safe")
    async def safe(
        principal: Annotated[Principal, guard_fastapi.requires("notes:read", acr="mfa")],
    ) -> dict[str, str]:
        return {"account": principal.account_id}

    @app.get("/vault")
    async def vault(
        principal: Annotated[Principal, guard_fastapi.requires("notes:read", max_age=RECENT)],
    ) -> dict[str, str]:
        return {"account": principal.account_id}

    @app.api_route("/page", methods=["GET", "HEAD", "POST"], include_in_schema=False)
    async def page(person: PagePrincipal) -> dict[str, str]:
        return {"account": person.account_id}

    @app.get("/page-notes")
    async def page_notes(person: Annotated[Principal, guard_fastapi.requires_page("notes:read")]) -> dict[str, str]:
        return {"account": person.account_id}

    @app.api_route("/page-or-not", methods=["GET", "POST"], include_in_schema=False)
    async def page_or_not(person: OptionalPagePrincipal) -> dict[str, str | None]:
        return {"account": person.account_id if person else None}

    @app.api_route("/file", methods=["GET", "HEAD", "POST"], include_in_schema=False)
    async def file(principal: LinkPrincipal, request: FastAPIRequest) -> dict[str, Any]:
        return linked(principal, request.url.query)

    @app.get("/secret")
    async def secret(
        principal: Annotated[Principal, Security(guard_fastapi.link_principal, scopes=["notes:read"])],
        request: FastAPIRequest,
    ) -> dict[str, Any]:
        return linked(principal, request.url.query)

    @app.get("/seen")
    async def what_is_seen(request: FastAPIRequest) -> dict[str, Any]:
        return seen(request)

    return app


def wsgi(gate: Gatepass) -> ASGIApp:
    """No framework: a WSGI function behind the guard."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        facts = plain_answer(guard_wsgi, environ, path=path, query=query, rest=lambda: seen_in(environ))
        answer = json.dumps(facts).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    return over_asgi(gate.guard_wsgi(app, auth="/auth"), gate)


def seen_in(environ: Environ) -> dict[str, Any]:
    """What a WSGI application sees."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw_headers(environ)]
    crumbs = [crumb.partition("=") for name, value in pairs if name == "cookie" for crumb in value.split(";")]
    return {"cookies": {name.strip(): value for name, _, value in crumbs}, "headers": pairs}


def flask(gate: Gatepass) -> ASGIApp:
    """Flask with the extension."""
    app = Flask(__name__)
    guard_flask.GatepassFlask(app, gate)

    @app.get("/me")
    @guard_flask.requires()
    def me() -> dict[str, str]:
        caller = guard_flask.current_principal()
        return {"account": caller.account_id, "session": caller.session_id}

    @app.get("/maybe")
    def maybe() -> dict[str, str | None]:
        found = guard_flask.optional_principal()
        return {"account": found.account_id if found else None}

    @app.get("/notes")
    @guard_flask.requires("notes:read")
    def notes() -> dict[str, str]:
        return {"account": guard_flask.current_principal().account_id}

    @app.get("/safe")
    @guard_flask.requires("notes:read", acr="mfa")
    def safe() -> dict[str, str]:
        return {"account": guard_flask.current_principal().account_id}

    @app.get("/vault")
    @guard_flask.requires("notes:read", max_age=RECENT)
    def vault() -> dict[str, str]:
        return {"account": guard_flask.current_principal().account_id}

    @app.route("/page", methods=["GET", "POST"])
    def page() -> dict[str, str]:
        return {"account": guard_flask.page_principal().account_id}

    @app.get("/page-notes")
    @guard_flask.requires_page("notes:read")
    def page_notes() -> dict[str, str]:
        return {"account": guard_flask.page_principal().account_id}

    @app.route("/page-or-not", methods=["GET", "POST"])
    def page_or_not() -> dict[str, str | None]:
        found = guard_flask.optional_page_principal()
        return {"account": found.account_id if found else None}

    @app.route("/file", methods=["GET", "POST"])
    def file() -> dict[str, Any]:
        return linked(guard_flask.link_principal(), flask_request.query_string.decode())

    @app.get("/secret")
    def secret() -> dict[str, Any]:
        return linked(guard_flask.link_principal("notes:read"), flask_request.query_string.decode())

    @app.get("/seen")
    def what_is_seen() -> dict[str, Any]:
        return {**seen_in(flask_request.environ), "cookies": dict(flask_request.cookies)}

    return over_asgi(app, gate)


def django(gate: Gatepass) -> ASGIApp:
    """A Django project under WSGI."""
    django_project.use(gate)
    return over_asgi(get_wsgi_application(), gate)


def django_async(gate: Gatepass) -> ASGIApp:
    """The same project under ASGI, which has no lifespan."""
    django_project.use(gate)
    return below(PREFIXES["django-async"], get_asgi_application(), gate)


def django_rest(gate: Gatepass) -> ASGIApp:
    """Its views of Django REST framework."""
    django_project.use(gate)
    return below(PREFIXES["django-rest"], over_asgi(get_wsgi_application(), gate), gate)


def below(prefix: str, app: ASGIApp, gate: Gatepass) -> ASGIApp:
    """An application without a lifespan whose routes are below a prefix, and the endpoints are not."""

    async def adapter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(gate, receive, send)
            return

        async def lowering(message: Message) -> None:
            # Django's ASGI handler writes names as they are; servers put up with it.
            if "headers" in message:
                message["headers"] = [(name.lower(), value) for name, value in message["headers"]]
            await send(message)

        path = scope["path"] if scope["path"].startswith("/auth/") else prefix + scope["path"]
        await app({**scope, "path": path}, receive, lowering)

    return adapter


PREFIXES = {"django-async": "/async", "django-rest": "/rest"}
"""Of routes, as the application sees them."""
ALL: dict[str, Make] = {
    "asgi": bare,
    "starlette": starlette,
    "fastapi": fastapi,
    "litestar": litestar_app.make,
    "wsgi": wsgi,
    "flask": flask,
    "django": django,
    "django-async": django_async,
    "django-rest": django_rest,
}
