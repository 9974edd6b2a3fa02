"""Flask and Django from several threads: the first requests of a process, and sign-ins in a view."""

import threading
from typing import Any

import pytest

import tests.guards.django_project  # noqa: F401 (configures Django: before all that needs it)

# isort: split
from django.http import JsonResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from flask import Flask, Response, request

from gatepass.gate import Gatepass
from gatepass.guards.django import conf
from gatepass.guards.django.middleware import GatepassMiddleware
from gatepass.guards.flask import GatepassFlask, current_principal, requires
from gatepass.per_process import PerProcess
from tests.support.gates import SECRET, GateHarness
from tests.support.preempt import Race, Runner, explore

MODULES = (
    *(f"gatepass.access.{name}" for name in ("wsgi", "check", "delivery")),
    *(f"gatepass.guards.{name}" for name in ("flask", "django")),
    *(f"gatepass.{name}" for name in ("runtime.thread", "server.wsgi", "anywhere", "gate.caller")),
)
NATIVE = {"Gatepass-Client": "1"}


def person(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.com", "password": "seven green bottles on a wall"}


def flask_app(gate: Gatepass) -> Flask:
    app = Flask(__name__)
    GatepassFlask(app, gate)

    @app.get("/me")
    @requires()
    def me() -> dict[str, str]:
        return {"account": current_principal().account_id}

    @app.get("/sign")
    def sign() -> Response:
        signed_in = gate.sync.sign_in(request, request.args["account"], methods=("fed",))
        made: Response = signed_in.onto(Response(signed_in.grant["session_id"]))
        return made

    return app


def browser(app: Flask) -> Any:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    return client


def register(client: Any, name: str) -> dict[str, Any]:
    answer = client.post("/auth/register", json=person(name), headers=NATIVE)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_the_first_requests_of_a_flask_process_are_all_answered() -> None:
    def race() -> Race:
        gate = GateHarness().gate
        app = flask_app(gate)

        def ask(name: str) -> None:
            client = browser(app)
            account = register(client, name)
            bearer = {"Authorization": f"Bearer {account['access_token']}"}
            assert client.get("/me", headers=bearer).json == {"account": account["account"]["id"]}
            assert client.get("/me").status_code == 401

        def holds(*runners: Runner) -> None:
            gate.background.stop()
            assert [runner.error for runner in runners] == [None, None]

        return Race(lambda: ask("ann"), lambda: ask("bob"), holds)

    assert explore(race, within=MODULES)


def test_sign_ins_in_a_view_are_those_of_their_own_requests() -> None:
    def race() -> Race:
        at = GateHarness()
        app = flask_app(at.gate)
        accounts = {name: register(browser(app), name)["account"]["id"] for name in ("ann", "bob")}

        def sign_in(name: str) -> str:
            client = browser(app)
            answer = client.get(f"/sign?account={accounts[name]}", headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 200, answer.text
            assert answer.text in " ".join(answer.headers.getlist("Set-Cookie")), "the cookie is of this session"
            return str(answer.text)

        def holds(first: Runner, second: Runner) -> None:
            assert [first.error, second.error] == [None, None]
            for name, runner in (("ann", first), ("bob", second)):
                listed = at.gate.sync.sessions.list_for_account(accounts[name])
                assert runner.value in [session.sid.hex() for session in listed]
            at.gate.background.stop()
            assert not [event for event in at.events if type(event).__name__ == "CookiesLost"]

        return Race(lambda: sign_in("ann"), lambda: sign_in("bob"), holds)

    assert explore(race, within=MODULES)


def test_the_first_requests_of_a_django_process_share_one_gate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Gatepass] = []

    def from_setting(_setting: object) -> Gatepass:
        made.append(GateHarness().gate)
        return made[-1]

    monkeypatch.setattr(Gatepass, "from_setting", from_setting)

    def race() -> Race:
        made.clear()
        conf._gate.cache_clear()
        monkeypatch.setattr(conf, "_making", PerProcess(lambda: threading.RLock()))

        def ask() -> int:
            middleware = GatepassMiddleware(lambda asked: JsonResponse({"account": asked.principal.account_id}))
            return int(middleware(RequestFactory().get("/me")).status_code)

        def holds(first: Runner, second: Runner) -> None:
            for gate in made:
                gate.background.stop()
            assert len(made) == 1
            refused = [runner.value or type(runner.error).__name__ for runner in (first, second)]
            assert refused == ["TokenRequired"] * 2

        return Race(ask, ask, holds)

    with override_settings(GATEPASS={"SECRET": SECRET}):
        assert explore(race, within=MODULES)
