"""A caller who is signed in, by headers alone: in the test client of every framework, without a store."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from django.test import AsyncClient, Client
from flask import Flask
from litestar.testing import TestClient as LitestarClient
from starlette.testclient import TestClient

from gatepass import Gatepass, Policy, Tokens
from gatepass.guards import flask as flask_guard
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing import FastHasher, ManualClock, account_id_of, memory_gate, sign_in
from tests.guards import apps, django_project

ANN = account_id_of("ann@example.com")
Ask = Callable[[Gatepass, dict[str, str]], Any]


def starlette_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    with TestClient(cast(Any, apps.starlette(gate))) as client:
        return client.get("/notes", headers=headers)


def fastapi_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    with TestClient(apps.fastapi(gate)) as client:
        return client.get("/notes", headers=headers)


async def httpx_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    transport = httpx.ASGITransport(app=cast(Any, gate.guard(apps.fastapi(gate))))
    async with gate.running(), httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        return await client.get("/notes", headers=headers)


def litestar_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    with LitestarClient(cast(Any, apps.ALL["litestar"](gate))) as client:
        return client.get("/notes", headers=headers)


def flask_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    app = Flask(__name__)
    flask_guard.GatepassFlask(app, gate)

    @app.get("/notes")
    @flask_guard.requires("notes:read")
    def notes() -> dict[str, str]:
        return {"account": flask_guard.current_principal().account_id}

    answer = app.test_client().get("/notes", headers=headers)
    return SimpleNamespace(status_code=answer.status_code, json=answer.get_json)


def django_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    django_project.use(gate)
    return Client().get("/notes", headers=cast(Any, headers))


async def django_async_client(gate: Gatepass, headers: dict[str, str]) -> Any:
    django_project.use(gate)
    return await AsyncClient().get("/async/notes", headers=cast(Any, headers))


CLIENTS: list[Ask] = [starlette_client, fastapi_client, litestar_client, flask_client, django_client]
ASYNC_CLIENTS: list[Callable[[Gatepass, dict[str, str]], Awaitable[Any]]] = [httpx_client, django_async_client]


@pytest.mark.parametrize("ask", CLIENTS)
def test_headers_sign_in_with_any_test_client(ask: Ask) -> None:
    gate = memory_gate()
    assert ask(gate, {}).status_code == 401
    assert ask(gate, sign_in(gate, "ann@example.com")).status_code == 403, "a scope is missing"
    answer = ask(gate, sign_in(gate, "ann@example.com", scopes=["notes:read"]))
    assert (answer.status_code, answer.json()) == (200, {"account": ANN})


@pytest.mark.parametrize("ask", ASYNC_CLIENTS)
async def test_headers_sign_in_with_any_async_client(ask: Callable[..., Awaitable[Any]]) -> None:
    gate = memory_gate()
    answer = await ask(gate, sign_in(gate, "ann@example.com", scopes=["notes:read"]))
    assert (answer.status_code, answer.json()) == (200, {"account": ANN})


def test_nothing_is_hashed_and_nothing_is_stored() -> None:
    class Untouched(MemoryStore):
        async def find_account(self, account_id: str) -> Any:
            raise AssertionError(account_id)

        async def add_account(self, account: Any, *, extra: str = "") -> bool:
            raise AssertionError(account)

    hasher = FastHasher()
    gate = memory_gate(store=Untouched(), hasher=hasher)
    assert fastapi_client(gate, sign_in(gate, scopes=["notes:read"])).status_code == 200
    assert hasher.calls == 0


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"expires_in": -60}, "expired"),
        ({"audience": "https://other.example"}, "aud"),
        ({"issuer": "https://other.example"}, "iss"),
        ({"claims": {"iat": 4_000_000_000}}, "issued in the future"),
    ],
)
def test_a_token_that_must_be_refused_is_made_in_one_word(facts: dict[str, Any], why: str) -> None:
    gate = memory_gate()
    answer = fastapi_client(gate, sign_in(gate, **facts))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token"), why


def test_a_token_of_another_gate_is_refused() -> None:
    assert fastapi_client(memory_gate(), sign_in(memory_gate())).status_code == 401


def test_the_token_lives_by_the_clock_of_the_gate() -> None:
    clock = ManualClock()
    gate = memory_gate(clock=clock, policy=Policy(clock_skew=0))
    headers = sign_in(gate, scopes=["notes:read"], expires_in=30)
    clock.advance(29)
    assert fastapi_client(gate, headers).status_code == 200
    clock.advance(1)
    assert fastapi_client(gate, headers).status_code == 401


def test_the_caller_has_what_was_asked_for() -> None:
    gate = memory_gate(tokens=Tokens(audience="https://api.example", algorithm="ES256"))
    row = SimpleNamespace(pk=7)
    headers = sign_in(
        gate, row, claims={"role": "editor"}, methods=("fed",), acr="gold", authenticated_at=5, email_verified=True
    )
    caller = gate.check._verifier.verify(
        headers["Authorization"].removeprefix("Bearer "), gate._parts.options.clock.now()
    )
    assert (caller.account_id, caller.claims["role"], caller.methods) == ("7", "editor", ("fed",))
    assert (caller.acr, caller.authenticated_at, caller.email_verified) == ("gold", 5, True)
    assert sign_in(gate, "ann@example.com") != sign_in(gate, "ann@example.com"), "two sessions"
    assert account_id_of("Ann@Example.com") == ANN


def test_a_gate_that_only_verifies_says_who_signs() -> None:
    with pytest.raises(TypeError, match="only verifies"):
        sign_in(cast(Any, object()))
