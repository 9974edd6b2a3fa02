"""Django REST framework: 401 stays 401, other authentication may be asked, permissions by scope."""

from collections.abc import Iterator

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from django.test import Client
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from gatepass.core.claims import Tokens
from gatepass.gate import Gatepass
from gatepass.guards.django.middleware import GatepassMiddleware
from tests.guards.conftest import scopes
from tests.guards.test_django import sign_up
from tests.support.gates import GateHarness


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    made = GateHarness(tokens=Tokens(claims=scopes)).gate
    django_project.use(made)
    yield made
    made.background.stop()


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
