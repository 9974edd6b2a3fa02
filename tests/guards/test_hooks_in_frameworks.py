"""Hooks as plain functions, in an application of each framework: on threads of their own, never on the loop."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gatepass import HookFacts, Refused
from gatepass.gate import Gatepass
from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
from django.test import Client
from fastapi import FastAPI
from flask import Flask
from litestar import Litestar
from starlette.testclient import TestClient

from gatepass.guards.flask import GatepassFlask
from gatepass.guards.litestar import GatepassPlugin
from tests.support.browser import EMAIL, ORIGIN, PASSWORD
from tests.support.gates import GateHarness

Post = Callable[[str, dict[str, Any], dict[str, str]], Any]
PAGE = {"Gatepass-Client": "1"}


class SignUp(BaseModel):
    company: str


class Application:
    """Profile rows and a rule, as a plain application writes them."""

    def __init__(self, gate: Gatepass) -> None:
        self.profiles: dict[str, str] = {}
        self.threads: set[threading.Thread] = set()

        @gate.before("register", extra=SignUp)
        def known_companies(facts: HookFacts[SignUp]) -> None:
            self.note_thread()
            if facts.extra is None or facts.extra.company != "Acme":
                raise Refused("unknown-company", "We do not know your company.", status=422)

        @gate.after("register", extra=SignUp)
        def make_profile(facts: HookFacts[SignUp]) -> None:
            self.note_thread()
            assert facts.account_id is not None
            assert facts.extra is not None
            self.profiles[facts.account_id] = facts.extra.company

        @gate.after("delete")
        def drop_profile(facts: HookFacts[None]) -> None:
            self.note_thread()
            self.profiles.pop(facts.account_id or "", None)

    def note_thread(self) -> None:
        self.threads.add(threading.current_thread())


def flask(gate: Gatepass) -> Iterator[Post]:
    app = Flask(__name__)
    GatepassFlask(app, gate)
    client = app.test_client()
    yield lambda path, body, headers: client.post(path, json=body, headers=headers)


def django(gate: Gatepass) -> Iterator[Post]:
    django_project.use(gate)
    client = Client()
    yield lambda path, body, headers: client.post(path, body, content_type="application/json", headers=headers)


def fastapi(gate: Gatepass) -> Iterator[Post]:
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)
    with TestClient(app, base_url=ORIGIN) as client:
        yield lambda path, body, headers: client.post(path, json=body, headers=headers)


def litestar(gate: Gatepass) -> Iterator[Post]:
    app: Any = Litestar(plugins=[GatepassPlugin(gate)])
    with TestClient(app, base_url=ORIGIN) as client:
        yield lambda path, body, headers: client.post(path, json=body, headers=headers)


def json_of(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json() if callable(answer.json) else answer.json
    return found


@pytest.mark.parametrize("framework", [flask, django, fastapi, litestar])
def test_plain_hooks_refuse_and_keep_rows(framework: Callable[[Gatepass], Iterator[Post]]) -> None:
    gate = GateHarness().gate
    application = Application(gate)
    serving = framework(gate)
    post = next(serving)
    try:
        body = {"email": EMAIL, "password": PASSWORD}
        refused = post("/auth/register", {**body, "company": "Other"}, PAGE)
        assert (refused.status_code, json_of(refused)["code"]) == (422, "app:unknown-company")
        made = post("/auth/register", {**body, "company": "Acme"}, PAGE)
        assert made.status_code == 201
        account = json_of(made)
        assert application.profiles == {account["account"]["id"]: "Acme"}
        bearer = {"Authorization": f"Bearer {account['access_token']}"}
        assert post("/auth/account/delete", {"password": PASSWORD}, {**PAGE, **bearer}).status_code == 204
        assert application.profiles == {}
    finally:
        serving.close()  # type: ignore[attr-defined]
        gate.background.stop()
    assert {thread.name for thread in application.threads} == {"gatepass-hook"}
