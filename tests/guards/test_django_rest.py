"""Django REST framework: 401 stays 401, other authentication may be asked, permissions by scope."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from django.test import Client
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from gatepass.core.claims import Tokens
from gatepass.core.principal import Principal
from gatepass.errors import InsufficientScope, Problem
from gatepass.gate import Gatepass
from gatepass.guards.django.middleware import GatepassMiddleware
from gatepass.guards.django.rest_framework import Caller, GatepassAuthentication, Requires
from gatepass.guards.django.rest_framework import requires as rest_requires
from tests.guards.conftest import scopes
from tests.guards.test_django import sign_up
from tests.support.gates import GateHarness


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    with django_project.used(GateHarness(tokens=Tokens(claims=scopes)).gate) as made:
        yield made


class Members(APIView):
    permission_classes = [IsAuthenticated]  # noqa: RUF012 (the framework's way)

    def get(self, request: Request) -> Response:
        return Response({"user": str(request.user), "session": request.auth.session_id, "staff": request.user.is_staff})


def ask(**headers: str) -> Response:
    return GatepassMiddleware(Members.as_view())(APIRequestFactory().get("/", headers=headers))


def test_its_own_permission_answers_401_with_our_challenge(gate: Gatepass) -> None:
    answer = ask()
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_its_own_permission_lets_a_caller_pass_who_is_no_staff(gate: Gatepass) -> None:
    answer = ask(**sign_up())
    assert answer.status_code == 200
    assert answer.data["staff"] is False
    assert len(answer.data["session"]) == 32


def test_a_view_without_permissions_has_nobody_or_a_caller_but_no_bad_token(gate: Gatepass) -> None:
    client = Client()
    assert client.get("/rest/maybe").json() == {"account": None}
    assert client.get("/rest/maybe", headers={"Authorization": "Token of another scheme"}).json() == {"account": None}
    assert client.get("/rest/maybe", headers=sign_up()).json()["account"]
    assert client.get("/rest/maybe", headers={"Authorization": "Bearer x"}).json()["code"] == "invalid-token"


def test_a_permission_asks_for_scopes(gate: Gatepass) -> None:
    assert Client().get("/rest/notes", headers=sign_up()).status_code == 200
    assert Client().get("/rest/notes").status_code == 401


class OtherScheme(BaseAuthentication):
    """Bearer tokens of another library, which raises for what is none of its own, as simplejwt does."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        if token != "other":
            raise AuthenticationFailed("not a token of ours")
        return SimpleNamespace(is_authenticated=True, pk=7), "other"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SignedInAdministrator(BaseAuthentication):
    """As SessionAuthentication: by a cookie, with no token at all."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        is_admin = "admin" in request.COOKIES
        return (SimpleNamespace(is_authenticated=True, pk=1, is_staff=True), None) if is_admin else None


class Mixed(APIView):
    authentication_classes = [GatepassAuthentication, SignedInAdministrator, OtherScheme]  # noqa: RUF012
    permission_classes = [Requires]  # noqa: RUF012

    def get(self, request: Request) -> Response:
        return Response({"pk": request.user.pk})


class ForReaders(Mixed):
    permission_classes = [rest_requires("notes:read")]  # noqa: RUF012


def ask_mixed(view: type[APIView] = Mixed, *, cookie: str = "", **headers: str) -> Any:
    request = APIRequestFactory().get("/", headers=headers)
    if cookie:
        request.COOKIES[cookie] = "1"
    try:
        return GatepassMiddleware(view.as_view())(request)
    except Problem as refusal:  # the middleware's own view, without Django's handler around it
        return SimpleNamespace(status_code=refusal.status, data={"code": refusal.code})


def test_the_first_class_that_knows_a_token_takes_it(gate: Gatepass) -> None:
    ours = sign_up()
    assert ask_mixed(Mixed, **ours).status_code == 200
    assert ask_mixed(Authorization="Bearer other").data == {"pk": 7}
    assert ask_mixed(cookie="admin").data == {"pk": 1}
    assert ask_mixed(Authorization="Bearer third").status_code == 401
    assert ask_mixed().status_code == 401


def test_a_token_of_our_issuer_that_is_invalid_is_left_to_nobody(gate: Gatepass) -> None:
    text = sign_up()["Authorization"]
    assert ask_mixed(Authorization=text[:-4] + "AAAA").data["code"] == "invalid-token"


def test_a_caller_by_another_scheme_has_no_scopes(gate: Gatepass) -> None:
    assert ask_mixed(ForReaders, **sign_up()).status_code == 200
    assert ask_mixed(ForReaders, cookie="admin").data["code"] == "insufficient-scope"
    assert ask_mixed(ForReaders, Authorization="Bearer other").data["code"] == "insufficient-scope"


def test_a_test_may_set_the_caller_and_scopes_are_checked_all_the_same(gate: Gatepass) -> None:
    somebody: Principal = Principal("7", "s", "t", 2, 1, 1, frozenset({"notes:read"}), {})
    request = APIRequestFactory().get("/")
    force_authenticate(request, user=Caller(somebody), token=somebody)
    assert ForReaders.as_view()(request).data == {"pk": "7"}
    nobody = replace(somebody, scopes=frozenset())
    force_authenticate(request, user=Caller(nobody), token=nobody)
    with pytest.raises(InsufficientScope):
        ForReaders.as_view()(request)
