"""django-ninja, which answers errors itself: refusals stay what they are, with DEBUG on and off (F2)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.security import HttpBearer

from gatepass.core.claims import Tokens
from gatepass.core.principal import Principal
from gatepass.gate import Gatepass
from gatepass.guards.django import current_principal, requires
from tests.guards.conftest import scopes
from tests.guards.test_django import sign_up
from tests.support.gates import GateHarness

PAGE = "https://page.example"
MIDDLEWARE = ["gatepass.guards.django.middleware.GatepassMiddleware", "corsheaders.middleware.CorsMiddleware"]
api = NinjaAPI()
PATHS = ["called", "async-called", "as-auth", "as-async-auth", "as-bearer", "decorated", "outermost"]


async def async_caller(request: HttpRequest) -> Principal:
    return current_principal(request)


class Bearer(HttpBearer):
    openapi_name = "gatepass"

    def __call__(self, request: HttpRequest) -> Any:  # else a request without a token would be ninja's own 401
        return current_principal(request)

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise AssertionError("replaced")


@api.get("/called")
def called(request: HttpRequest) -> str:
    return current_principal(request).account_id


@api.get("/async-called")
async def async_called(request: HttpRequest) -> str:
    return current_principal(request).account_id


@api.get("/as-auth", auth=current_principal)
def as_auth(request: Any) -> str:
    account: str = request.auth.account_id
    return account


@api.get("/as-async-auth", auth=async_caller)
async def as_async_auth(request: Any) -> str:
    account: str = request.auth.account_id
    return account


@api.get("/as-bearer", auth=Bearer())
def as_bearer(request: Any) -> str:
    account: str = request.auth.account_id
    return account


@api.get("/decorated")
@decorate_view(requires())
def decorated(request: HttpRequest) -> str:
    return current_principal(request).account_id


@api.get("/outermost")
@requires()
def outermost(request: HttpRequest) -> str:
    return current_principal(request).account_id


@api.get("/scoped")
def scoped(request: HttpRequest) -> str:
    return current_principal(request, "notes:delete").account_id


@api.get("/broken")
def broken(request: HttpRequest) -> str:
    raise ZeroDivisionError


AUTH = path("auth/", include("gatepass.guards.django.urls"))
urlpatterns = [path("api/", api.urls), path("", include(django_project.plain)), AUTH]


@pytest.fixture(params=[False, True], ids=["without DEBUG", "with DEBUG"])
def gate(request: pytest.FixtureRequest) -> Iterator[Gatepass]:
    settings = {"ROOT_URLCONF": __name__, "MIDDLEWARE": MIDDLEWARE, "CORS_ALLOWED_ORIGINS": [PAGE]}
    with (
        django_project.used(GateHarness(tokens=Tokens(claims=scopes)).gate) as made,
        override_settings(DEBUG=request.param, **settings),
    ):
        yield made


@pytest.mark.parametrize("name", PATHS)
def test_a_caller_is_let_in_and_a_request_without_a_token_is_a_401(gate: Gatepass, name: str) -> None:
    """django-ninja#44, #296, #1493: a refusal in `auth=` or a decorator was a 500."""
    assert Client().get(f"/api/{name}", headers=sign_up()).status_code == 200
    answer = Client().get(f"/api/{name}", headers={"Origin": PAGE})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert (answer.json()["code"], answer["WWW-Authenticate"]) == ("token-required", "Bearer")
    assert answer["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize("name", PATHS)
async def test_so_it_is_under_asgi(gate: Gatepass, name: str) -> None:
    answer = await AsyncClient().get(f"/api/{name}", headers={"Authorization": "Bearer a.b.c"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")


def test_what_a_caller_lacks_is_a_403(gate: Gatepass) -> None:
    answer = Client().get("/api/scoped", headers=sign_up())
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")
    assert 'scope="notes:delete"' in answer["WWW-Authenticate"]


def test_an_error_of_the_application_stays_one(gate: Gatepass) -> None:
    client = Client(raise_request_exception=False)
    assert client.get("/api/broken", headers=sign_up()).status_code == 500
