"""A refusal is a refusal wherever it is raised: in middleware of every framework the client gets a 401 (F1, F2)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
import werkzeug.test
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from flask import Flask
from litestar import Litestar, get
from litestar.middleware import ASGIMiddleware
from litestar.testing import TestClient as LitestarClient
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware

from gatepass.access import asgi, wsgi
from gatepass.errors import StoreUnavailable
from gatepass.gate import Gatepass
from gatepass.guards import django as django_guard
from gatepass.guards import flask as flask_guard
from gatepass.guards import litestar as litestar_guard
from gatepass.guards import starlette as guard
from gatepass.wire.browsers import Browsers
from tests.support.gates import GateHarness

PAGE = "https://page.example"
CODE = "token-required"


class Tenant(BaseHTTPMiddleware):
    """As applications have it: who calls, before any route is asked."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        if request.url.path.startswith("/api"):
            guard.current_principal(request)
        response: Response = await call_next(request)
        return response


class PlainTenant:
    """The same without Starlette's class."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api"):
            guard.current_principal(Request(scope))
        await self.app(scope, receive, send)


class StoreIsAway(PlainTenant):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise StoreUnavailable
        await self.app(scope, receive, send)


def fastapi_with(middleware: Any, *, debug: bool = False) -> FastAPI:
    app = FastAPI(debug=debug)

    @app.get("/api/notes")
    def notes() -> str:
        return "notes"

    app.add_middleware(middleware)
    app.add_middleware(CORSMiddleware, allow_origins=[PAGE], allow_headers=["Authorization"])
    return app


def by_lifespan(app: FastAPI, gate: Gatepass) -> Any:
    app.router.lifespan_context = gate.lifespan
    return app


def by_guard(app: FastAPI, gate: Gatepass) -> Any:
    return gate.guard(app)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("wrap", [by_lifespan, by_guard])
@pytest.mark.parametrize("middleware", [Tenant, PlainTenant])
def test_in_starlettes_middleware_it_is_a_401_that_the_page_can_read(
    middleware: Any, wrap: Callable[[FastAPI, Gatepass], Any], *, debug: bool
) -> None:
    gate = GateHarness(browsers=Browsers(origins=[PAGE])).gate
    with TestClient(wrap(fastapi_with(middleware, debug=debug), gate)) as client:
        answer = client.get("/api/notes", headers={"Origin": PAGE})
    assert (answer.status_code, answer.json()["code"]) == (401, CODE)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_inside_the_cors_of_the_application_it_has_its_headers_whatever_the_gate_allows() -> None:
    with TestClient(by_lifespan(fastapi_with(Tenant), GateHarness().gate)) as client:
        answer = client.get("/api/notes", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)


def test_any_problem_in_middleware_is_its_document() -> None:
    with TestClient(by_lifespan(fastapi_with(StoreIsAway), GateHarness().gate)) as client:
        assert client.get("/api/notes").json()["code"] == "store-unavailable"


@pytest.mark.parametrize("wrap", [by_lifespan, by_guard])
def test_errors_of_the_application_stay_what_they_are(wrap: Callable[[FastAPI, Gatepass], Any]) -> None:
    app = fastapi_with(Tenant)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    @app.get("/busy", status_code=500)
    def busy() -> str:
        return "a 500 of its own"

    with TestClient(wrap(app, GateHarness().gate), raise_server_exceptions=False) as client:
        assert client.get("/broken").status_code == 500
        assert client.get("/broken").text == "Internal Server Error"
        assert client.get("/busy").json() == "a 500 of its own"
    with TestClient(wrap(app, GateHarness().gate)) as client, pytest.raises(ZeroDivisionError):
        client.get("/broken")


class DjangoTenant:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith("/api"):
            request.tenant = request.principal.account_id
        return self.get_response(request)


class DjangoTenantOfViews(DjangoTenant):
    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        request.tenant = request.principal.account_id


class DjangoAudit(DjangoTenant):
    def __call__(self, request: HttpRequest) -> Any:
        response = self.get_response(request)
        django_guard.current_principal(request)
        return response


def notes(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


def broken(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("broken", status=500)


urlpatterns = [path("api/notes", notes), path("broken", broken)]


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    with django_project.used(GateHarness().gate) as made:
        yield made


def with_middleware(*names: str) -> Any:
    """The project with django-cors-headers behind the guard, and then middlewares of this file."""
    outer = ["gatepass.guards.django.middleware.GatepassMiddleware", "corsheaders.middleware.CorsMiddleware"]
    order = [*outer, *(f"{__name__}.{name}" for name in names)]
    return override_settings(MIDDLEWARE=order, ROOT_URLCONF=__name__, CORS_ALLOWED_ORIGINS=[PAGE])


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("name", ["DjangoTenant", "DjangoTenantOfViews", "DjangoAudit"])
async def test_in_djangos_middleware_it_is_a_401_with_the_headers_of_those_outside(
    gate: Gatepass, name: str, *, debug: bool
) -> None:
    with with_middleware(name), override_settings(DEBUG=debug):
        answer = await AsyncClient().get("/api/notes", headers={"Origin": PAGE})
    assert (answer.status_code, answer.json()["code"]) == (401, CODE)
    assert (answer["WWW-Authenticate"], answer["Access-Control-Allow-Origin"]) == ("Bearer", PAGE)


def test_so_it_is_under_wsgi_and_the_applications_own_error_page_stays(gate: Gatepass) -> None:
    with with_middleware("DjangoTenant"):
        assert Client().get("/api/notes").json()["code"] == CODE
    with with_middleware():
        assert Client().get("/broken").content == b"broken"


class LitestarTenant(ASGIMiddleware):
    async def handle(self, scope: Any, receive: Any, send: Any, next_app: Any) -> None:
        if scope["path"].startswith("/api"):
            asgi.current_principal(scope)
        await next_app(scope, receive, send)


@get("/api/notes")
async def litestar_notes() -> str:
    return "notes"


def test_in_litestars_middleware_it_is_a_401() -> None:
    plugin = litestar_guard.GatepassPlugin(GateHarness().gate)
    app = Litestar([litestar_notes], plugins=[plugin], middleware=[LitestarTenant()])
    with LitestarClient(app) as client:
        answer = client.get("/api/notes")
    assert (answer.status_code, answer.json()["code"]) == (401, CODE)


def test_flask_answers_it_before_the_request_and_from_wsgi_middleware(gate: Gatepass) -> None:
    app = Flask(__name__)

    @app.before_request
    def tenant() -> None:
        flask_guard.current_principal()

    flask_guard.GatepassFlask(app, gate)
    assert app.test_client().get("/").json["code"] == CODE  # type: ignore[index]

    plain = Flask("plain")
    plain.wsgi_app = gate.guard_wsgi(wsgi.requires()(plain.wsgi_app))  # type: ignore[method-assign]
    answer = werkzeug.test.Client(plain).get("/")
    assert (answer.status_code, answer.json["code"]) == (401, CODE)  # type: ignore[index]


def test_a_wsgi_response_that_has_begun_is_replaced_as_pep_3333_has_it(gate: Gatepass) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        wsgi.current_principal(environ)
        return []

    calls: list[tuple[Any, ...]] = []
    gate.guard_wsgi(app)({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *given: calls.append(given))
    assert [len(given) for given in calls] == [2, 3]
    assert calls[1][0].startswith("401")
