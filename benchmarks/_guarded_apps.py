"""The routes of the guard benchmark: one small GET in each framework, open or guarded by a gate.

A maker gives a function that sends a number of requests with a token and returns the microseconds of one; it fails at
any answer but 200, so nothing is measured that was refused.
"""

import io
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import path
from fastapi import FastAPI
from flask import Flask
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatepass import Gatepass
from gatepass.access import asgi, wsgi
from gatepass.guards import flask, litestar, starlette
from gatepass.guards.fastapi import CurrentPrincipal

Sender = Callable[[str, int], Awaitable[float]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Maker = Callable[[Gatepass | None, AsyncExitStack], Awaitable[Sender]]
GUARD = "gatepass.guards.django.middleware.GatepassMiddleware"
COOKIE = "theme=dark; gatepass_8000=gp_rt_x"


async def receive() -> dict[str, Any]:
    """An empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict[str, Any]) -> None:
    """No process listens, but a refusal is no measurement."""
    if message.get("status", 200) != 200:
        raise RuntimeError(f"the route answered {message['status']}")


def scope_with(token: str) -> dict[str, Any]:
    """What a server makes of a small GET."""
    headers = [
        (b"host", b"localhost"),
        (b"user-agent", b"bench"),
        (b"authorization", f"Bearer {token}".encode()),
        (b"cookie", COOKIE.encode()),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/me",
        "raw_path": b"/me",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8000),
    }


def environ_with(token: str, path: str) -> dict[str, Any]:
    """The same under WSGI."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": "bench",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "HTTP_COOKIE": COOKIE,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def over_asgi(app: App) -> Sender:
    """Requests to an ASGI application. Making their scopes is not counted."""

    async def sender(token: str, count: int) -> float:
        scopes = [scope_with(token) for _ in range(count)]
        start = time.perf_counter()
        for scope in scopes:
            await app(scope, receive, send)
        return (time.perf_counter() - start) / count * 1e6

    return sender


def start_response(status: str, _headers: object, _error: object = None) -> None:
    """As `send`."""
    if not status.startswith("200"):
        raise RuntimeError(f"the route answered {status}")


def over_wsgi(app: Callable[[Any, Any], Iterable[bytes]], path: str = "/me") -> Sender:
    """Requests to a WSGI application."""

    async def sender(token: str, count: int) -> float:
        environs = [environ_with(token, path) for _ in range(count)]
        start = time.perf_counter()
        for environ in environs:
            chunks = app(environ, start_response)
            for _ in chunks:
                pass
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return (time.perf_counter() - start) / count * 1e6

    return sender


async def asgi_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """A function."""

    async def route(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        asgi.current_principal(scope)
        await route(scope, receive, send)

    return over_asgi(gate.guard(guarded) if gate else route)


async def starlette_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """An async endpoint."""

    async def endpoint(_request: Request) -> Response:
        return PlainTextResponse("ok")

    if gate is None:
        return over_asgi(Starlette(routes=[Route("/me", endpoint)]))
    return over_asgi(gate.guard(Starlette(routes=[Route("/me", starlette.requires()(endpoint))])))


async def fastapi_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """An async endpoint with the dependency."""
    app = FastAPI()
    if gate is None:

        @app.get("/me")
        async def endpoint() -> Response:
            return PlainTextResponse("ok")

        return over_asgi(app)

    @app.get("/me")
    async def guarded(principal: CurrentPrincipal) -> Response:
        return PlainTextResponse("ok")

    return over_asgi(gate.guard(app))


@get("/me")
async def _litestar_open() -> str:
    return "ok"


@get("/me", guards=[litestar.requires()])
async def _litestar_guarded() -> str:
    return "ok"


async def litestar_route(gate: Gatepass | None, running: AsyncExitStack) -> Sender:
    """An async handler with the guard."""
    if gate is None:
        return over_asgi(Litestar([_litestar_open]))
    app = Litestar([_litestar_guarded], plugins=[litestar.GatepassPlugin(gate)])
    await running.enter_async_context(app.lifespan())
    return over_asgi(app)


async def wsgi_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """A function."""

    def route(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    def guarded(environ: Any, start_response: Any) -> list[bytes]:
        wsgi.current_principal(environ)
        return route(environ, start_response)

    return over_wsgi(gate.guard_wsgi(guarded) if gate else route)


async def flask_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """A view with the decorator."""
    app = Flask(__name__)

    def view() -> str:
        return "ok"

    if gate is not None:
        flask.GatepassFlask(app, gate)
    app.get("/me")(flask.requires()(view) if gate else view)
    return over_wsgi(app)


def _django_open(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def _django_guarded(request: HttpRequest) -> HttpResponse:
    assert request.principal
    return HttpResponse("ok")


urlpatterns = [path("me", _django_guarded), path("open", _django_open)]


async def django_route(gate: Gatepass | None, _running: AsyncExitStack) -> Sender:
    """A view with the middleware."""
    if not settings.configured:
        settings.configure(SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None)
        django.setup()
    with override_settings(GATEPASS=gate, MIDDLEWARE=[GUARD] if gate else []):
        app = get_wsgi_application()

    return over_wsgi(app, "/me" if gate else "/open")


ALL: dict[str, Maker] = {
    "ASGI": asgi_route,
    "Starlette": starlette_route,
    "FastAPI": fastapi_route,
    "Litestar": litestar_route,
    "WSGI": wsgi_route,
    "Flask": flask_route,
    "Django": django_route,
}
