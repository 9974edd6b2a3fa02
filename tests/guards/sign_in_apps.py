"""An application in each framework that signs its callers in: `GET /sign/{kind}?account=…`.

in       a redirect with the cookies         away     the same, to a page of another host
json     the grant with the cookies          none     onto no response at all
thrown   the cookies onto one response, another one is sent
fails    the cookies onto a response, then an exception
"""

import json
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs

from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from fastapi import Response as FastAPIResponse
from fastapi.responses import RedirectResponse as FastAPIRedirect
from flask import Flask, jsonify, make_response, redirect
from flask import request as flask_request
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse
from litestar.params import FromPath
from litestar.response import Redirect as LitestarRedirect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from gatepass.gate import Gatepass
from gatepass.guards.flask import GatepassFlask
from gatepass.guards.litestar import GatepassPlugin
from gatepass.server.door.door import SignedIn
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.wsgi import Environ
from tests.guards import apps
from tests.guards.apps import run_own_lifespan
from tests.support.wsgi import over_asgi

KINDS = ("in", "away", "json", "thrown", "none", "fails")
PLACES = {"in": "/done", "away": "https://app.example.org/done?a=1#b"}


def _account(query: str) -> str:
    return parse_qs(query)["account"][0]


def asgi(gate: Gatepass) -> ASGIApp:
    """No framework, and no exception that a server would answer."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_own_lifespan(gate, receive, send)
            return
        if scope["path"].startswith("/auth/"):
            await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
            return
        kind = scope["path"].removeprefix("/sign/")
        signed_in = await gate.sign_in(scope, _account(scope["query_string"].decode()), methods=("fed",))
        start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]}
        body = b""
        if kind in PLACES:
            start = {**start, "status": 303, "headers": [(b"location", PLACES[kind].encode())]}
        if kind == "json":
            body = json.dumps(signed_in.grant).encode()
        if kind in PLACES or kind == "json":
            signed_in.onto(start)
        elif kind != "none":
            signed_in.onto({**start})
        if kind == "fails":
            raise LookupError("after the sign-in")
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return gate.guard(app)


def starlette(gate: Gatepass) -> ASGIApp:
    """Starlette."""

    async def sign(request: Request) -> Response:
        signed_in = await gate.sign_in(request, request.query_params["account"], methods=("fed",))
        return _starlette_answer(signed_in, request.path_params["kind"])

    return Starlette(routes=[Route("/sign/{kind}", sign), Mount("/auth", gate.asgi)], lifespan=gate.lifespan)


def _starlette_answer(signed_in: SignedIn, kind: str) -> Response:
    match kind:
        case "in" | "away":
            return signed_in.onto(RedirectResponse(PLACES[kind], 303))
        case "json":
            return signed_in.onto(JSONResponse(signed_in.grant))
        case "none":
            return Response("sent")
    signed_in.onto(Response("lost"))
    if kind == "fails":
        raise LookupError("after the sign-in")
    return Response("sent")


def fastapi(gate: Gatepass) -> ASGIApp:
    """FastAPI with the injected Response, on a thread: the grant is returned as a dict, the redirect is not."""
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.get("/sign/{kind}", response_model=None)
    def sign(request: FastAPIRequest, response: FastAPIResponse, kind: str, account: str) -> Any:
        signed_in = gate.sync.sign_in(request, account, methods=("fed",))
        if kind in PLACES:
            return signed_in.onto(FastAPIRedirect(PLACES[kind], 303))
        if kind != "none":
            signed_in.onto(response)
        if kind == "fails":
            raise LookupError("after the sign-in")
        return signed_in.grant if kind == "json" else FastAPIRedirect("/lost", 303)

    return app


def litestar(gate: Gatepass) -> ASGIApp:
    """Litestar."""

    @get("/sign/{kind:str}")
    async def sign(request: LitestarRequest[Any, Any, Any], kind: FromPath[str]) -> LitestarResponse[Any]:
        signed_in = await gate.sign_in(request, request.query_params["account"], methods=("fed",))
        match kind:
            case "in" | "away":
                return signed_in.onto(LitestarRedirect(PLACES[kind], status_code=303))
            case "json":
                return signed_in.onto(LitestarResponse(signed_in.grant))
            case "none":
                return LitestarResponse("sent")
        signed_in.onto(LitestarResponse("lost"))
        if kind == "fails":
            raise LookupError("after the sign-in")
        return LitestarResponse("sent")

    return cast(ASGIApp, Litestar([sign], plugins=[GatepassPlugin(gate)]))


def wsgi(gate: Gatepass) -> ASGIApp:
    """No framework."""

    def app(environ: Environ, start_response: Any) -> Any:
        signed_in = gate.sync.sign_in(environ, _account(environ["QUERY_STRING"]), methods=("fed",))
        kind = environ["PATH_INFO"].removeprefix("/sign/")
        headers = [("Content-Type", "application/json")]
        if kind in PLACES or kind == "json":
            headers += signed_in.headers
        elif kind != "none":
            signed_in.onto(list(headers))
        if kind == "fails":
            raise LookupError("after the sign-in")
        if kind in PLACES:
            start_response("303 See Other", [*headers, ("Location", signed_in.address(PLACES[kind]))])
            return [b""]
        start_response("200 OK", headers)
        return [json.dumps(signed_in.grant if kind == "json" else {}).encode()]

    return over_asgi(gate.guard_wsgi(app, auth="/auth"), gate)


def flask(gate: Gatepass) -> ASGIApp:
    """Flask; `request` is a proxy that only its own thread can read."""
    app = Flask(__name__)
    GatepassFlask(app, gate)

    @app.get("/sign/<kind>")
    def sign(kind: str) -> Any:
        signed_in = gate.sync.sign_in(flask_request, flask_request.args["account"], methods=("fed",))
        match kind:
            case "in" | "away":
                return signed_in.onto(redirect(PLACES[kind], 303))
            case "json":
                return signed_in.onto(jsonify(signed_in.grant))
            case "none":
                return "sent"
        signed_in.onto(make_response("lost"))
        if kind == "fails":
            raise LookupError("after the sign-in")
        return jsonify(signed_in.grant)

    return over_asgi(app, gate)


ALL: dict[str, Callable[[Gatepass], ASGIApp]] = {
    "asgi": asgi,
    "starlette": starlette,
    "fastapi": fastapi,
    "litestar": litestar,
    "wsgi": wsgi,
    "flask": flask,
    **{name: apps.ALL[name] for name in ("django", "django-async", "django-rest")},
}
