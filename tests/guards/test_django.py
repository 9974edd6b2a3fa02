"""Django's idiom: `request.principal`, both kinds of views, class-based views, system checks, the test client."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction

from gatepass.wire.cookies import Cookies
from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from django.conf import settings
from django.core import checks
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.test.utils import override_settings
from django.views import View

from gatepass.errors import ConfigurationError, TokenRequired
from gatepass.gate import Gatepass
from gatepass.guards import django as guard
from gatepass.guards.django import conf
from gatepass.guards.django.apps import check_settings
from gatepass.guards.django.conf import gate as project_gate
from gatepass.guards.django.middleware import GatepassMiddleware
from tests.support.asgi import call
from tests.support.browser import ORIGIN, RT
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child
from tests.support.gates import SECRET, GateHarness
from tests.support.lifespan import started
from tests.support.wsgi import over_asgi

CREDENTIALS = {"email": "ann@example.com", "password": "seven green bottles on a wall"}


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    with django_project.used(GateHarness().gate) as made:
        yield made


def sign_up() -> dict[str, str]:
    answer = Client().post(
        "/auth/register", CREDENTIALS, content_type="application/json", headers={"Gatepass-Client": "1"}
    )
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def through_middleware(request: HttpRequest, view: Any) -> Any:
    return GatepassMiddleware(view)(request)


def test_sign_up_call_sign_out_and_be_refused_at_once(gate: Gatepass) -> None:
    bearer = sign_up()
    client = Client(enforce_csrf_checks=True)
    assert client.get("/me", headers=bearer).status_code == 200
    named = {**bearer, "Gatepass-Client": "1"}
    assert client.post("/auth/logout", content_type="application/json", headers=named).status_code == 204
    assert client.get("/me", headers=bearer).status_code == 401
    assert client.get("/rest/me", headers=bearer).status_code == 401


class TestPrincipal:
    def test_it_is_asked_when_it_is_used_and_once(self, gate: Gatepass) -> None:
        bearer = sign_up()
        asked: list[HttpRequest] = []
        through_middleware(RequestFactory().get("/", headers=bearer), asked.append)
        (request,) = asked
        assert request.principal.account_id
        gate.check._verified.clear()
        gate.revocations._is_loaded = False
        assert request.principal.account_id

    def test_without_a_token_its_use_is_a_401(self, gate: Gatepass) -> None:
        asked: list[HttpRequest] = []
        through_middleware(RequestFactory().get("/"), asked.append)
        with pytest.raises(TokenRequired):
            bool(asked[0].principal)

    def test_without_the_middleware_one_is_told_what_to_do(self) -> None:
        with pytest.raises(ConfigurationError, match="MIDDLEWARE"):
            guard.current_principal(RequestFactory().get("/"))


class TestCookie:
    def test_what_another_middleware_has_read_before_is_read_anew(self, gate: Gatepass) -> None:
        request = RequestFactory().get("/", headers={"Cookie": f"a=b; {RT}=x"})
        assert RT in request.COOKIES
        assert RT in request.headers["Cookie"]
        through_middleware(request, lambda request: None)
        assert request.COOKIES == {"a": "b"}
        assert request.headers["Cookie"] == "a=b"
        assert "=x" not in repr(request.META)

    async def test_under_asgi_the_scope_has_it_no_more_either(self, gate: Gatepass) -> None:
        request = AsyncRequestFactory().get("/", headers={"Cookie": f"a=b; {RT}=x"})
        scope = request.scope
        through_middleware(request, lambda request: None)
        assert (b"cookie", b"a=b") in request.scope["headers"]
        assert (b"cookie", f"a=b; {RT}=x".encode()) in scope["headers"], "the server's own is left as it was"
        assert request.COOKIES == {"a": "b"}


class Notes(guard.RequiresMixin, View):
    required_scopes = ("notes:read",)

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("notes")


class Vault(guard.RequiresMixin, View):
    required_max_age = 300

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("vault")


class AsyncNotes(guard.RequiresMixin, View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("notes")


class TestViews:
    @pytest.mark.parametrize("path", ["/me", "/async/me"])
    def test_a_guarded_one_takes_a_post_without_a_csrf_token(self, gate: Gatepass, path: str) -> None:
        client, bearer = Client(enforce_csrf_checks=True), sign_up()
        assert client.post(path, {}, content_type="application/json", headers=bearer).status_code == 200
        assert client.post(path, {}, content_type="application/json").json()["code"] == "token-required"

    @pytest.mark.parametrize("view", [Notes, AsyncNotes])
    def test_a_class_based_one_is_exempt_from_the_csrf_check(self, view: type[Any]) -> None:
        assert view.as_view().csrf_exempt
        assert iscoroutinefunction(view.as_view()) == (view is AsyncNotes)

    def test_one_without_a_guard_is_not_exempt(self, gate: Gatepass) -> None:
        client = Client(enforce_csrf_checks=True)
        assert client.post("/maybe", {}, content_type="application/json").status_code == 403

    def test_a_class_based_one_asks_for_its_scopes(self, gate: Gatepass) -> None:
        bearer = sign_up()
        assert through_middleware(RequestFactory().get("/"), Notes.as_view()).status_code == 401
        assert through_middleware(RequestFactory().get("/", headers=bearer), Notes.as_view()).status_code == 403

    def test_a_class_based_one_asks_for_a_recent_sign_in(self, gate: Gatepass) -> None:
        bearer = sign_up()
        asked = RequestFactory().get("/", headers=bearer)
        assert through_middleware(asked, Vault.as_view()).content == b"vault"
        assert through_middleware(asked, Vault.as_view(required_max_age=1)).content == b"vault"
        gate._parts.options.clock.advance(301)  # type: ignore[attr-defined]
        assert through_middleware(asked, Vault.as_view()).status_code == 401

    def test_a_class_based_one_asks_for_an_assurance(self, gate: Gatepass) -> None:
        asked = RequestFactory().get("/", headers=sign_up())
        assert through_middleware(asked, Vault.as_view(required_acr="mfa")).status_code == 401

    async def test_an_async_one_is_awaited_whether_it_refuses_or_not(self, gate: Gatepass) -> None:
        bearer = await asyncio.to_thread(sign_up)
        refused = await through_middleware(AsyncRequestFactory().get("/"), AsyncNotes.as_view())
        assert refused.status_code == 401
        passed = await through_middleware(AsyncRequestFactory().get("/", headers=bearer), AsyncNotes.as_view())
        assert passed.content == b"notes"


async def test_cookies_of_one_name_are_both_sent(gate: Gatepass) -> None:
    """Two spellings of a COOKIE_PATH have one name: a sign-out deletes it at both."""
    moved = Cookies.for_url(ORIGIN, path="/auth", earlier_path="/auth/")
    gate._parts._context.refresh_cookies._cookies = moved
    async with started(over_asgi(WSGIHandler(), gate)) as app:
        headers = [("origin", ORIGIN), ("gatepass-client", "1")]
        answer = await call(app, "POST", "/auth/logout", headers=headers)
        assert answer.status == 204
        deleted = [found.marks["Path"] for found in answer.cookies if found.name == moved.place.names.refresh]
        assert deleted == ["/auth", "/auth/"]


class TestChecks:
    def found(self, **changed: Any) -> list[str]:
        with override_settings(**changed):
            return [str(message.id) for message in check_settings(None)]

    def test_a_sound_project_has_nothing_to_be_told(self, gate: Gatepass) -> None:
        assert self.found() == []
        assert not [message for message in checks.run_checks() if str(message.id).startswith("gatepass")]

    @pytest.mark.parametrize(
        ("gatepass", "ids"),
        [
            ({"SECRETS": [], "PUBLIC_URL": ORIGIN}, ["gatepass.E001"]),
            ({"SECRETS": ["weak"], "PUBLIC_URL": ORIGIN}, ["gatepass.E001"]),
            ({"SECRETS": [SECRET], "PUBLIC_URL": "http://example.com"}, ["gatepass.E002"]),
            ({"SECRETS": [SECRET], "PUBLIC_URL": ORIGIN, "STOER": "memory://"}, ["gatepass.E002"]),
            ({"SECRETS": [SECRET], "PUBLIC_URL": "http://localhost:8000"}, ["gatepass.W001"]),
        ],
    )
    def test_each_fault_has_its_number(self, gatepass: dict[str, Any], ids: list[str]) -> None:
        assert self.found(GATEPASS=gatepass) == ids

    def test_a_loopback_address_is_fine_while_debugging(self) -> None:
        assert self.found(GATEPASS={"SECRETS": [SECRET], "PUBLIC_URL": "http://localhost:8000"}, DEBUG=True) == []

    def test_the_middleware_must_be_there_and_before_those_that_read_cookies(self, gate: Gatepass) -> None:
        assert self.found(MIDDLEWARE=[]) == ["gatepass.E003"]
        assert self.found(MIDDLEWARE=list(reversed(settings.MIDDLEWARE))) == ["gatepass.W002"]


@pytest.mark.parametrize("fork", FORKS)
def test_a_worker_that_was_forked_while_a_thread_made_the_gate_makes_its_own(
    monkeypatch: pytest.MonkeyPatch, fork: Fork
) -> None:
    monkeypatch.setattr(Gatepass, "from_setting", lambda _setting: GateHarness().gate)
    with override_settings(GATEPASS={"SECRET": SECRET}), held_elsewhere(conf._making.here):
        assert holds_in_child(fork, lambda: project_gate() is project_gate())


def test_threads_whose_requests_are_the_first_get_one_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views may be the first to ask for it, in a project whose server has threads."""
    made: list[Gatepass] = []
    found: list[Gatepass] = []
    asks = threading.Thread(target=lambda: found.append(project_gate()))

    def from_setting(_setting: object) -> Gatepass:
        made.append(GateHarness().gate)
        if len(made) == 1:
            asks.start()
            asks.join(0.3)  # waits for this one, and gets it
        return made[-1]

    monkeypatch.setattr(Gatepass, "from_setting", from_setting)
    with override_settings(GATEPASS={"SECRET": SECRET}):
        found.append(project_gate())
        asks.join()
        assert found == [made[0]] * 2
