"""A gate in memory, and a caller without a token, as an application's tests use them."""

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from gatepass import Gatepass, Policy, Principal, Tokens
from gatepass.guards.fastapi import CurrentPrincipal, LinkPrincipal, current_principal, requires
from gatepass.testing import FastHasher, ManualClock, fake_principal, memory_gate

ANN = {"email": "ann@example.com", "password": "seven green bottles"}
PAGE = {"Gatepass-Client": "1"}


def app_of(gate: Gatepass) -> FastAPI:
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> str:
        return principal.account_id

    @app.get("/notes")
    def notes(principal: Annotated[Principal, requires("notes:read", max_age=300)]) -> str:
        return principal.account_id

    return app


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(clock: ManualClock) -> Iterator[TestClient]:
    with TestClient(app_of(memory_gate(clock=clock)), base_url="https://testserver") as client:
        yield client


def test_a_person_signs_up_and_calls_without_any_setting(client: TestClient) -> None:
    made = client.post("/auth/register", json=ANN, headers=PAGE).json()
    bearer = {"Authorization": f"Bearer {made['access_token']}"}
    assert client.get("/me", headers=bearer).json() == made["account"]["id"]


def test_a_token_expires_and_a_refresh_brings_another_without_waiting(client: TestClient, clock: ManualClock) -> None:
    made = client.post("/auth/register", json=ANN, headers=PAGE).json()
    clock.advance(16 * 60)
    bearer = {"Authorization": f"Bearer {made['access_token']}"}
    assert client.get("/me", headers=bearer).json()["code"] == "invalid-token"
    renewed = client.post("/auth/refresh", headers=PAGE).json()
    assert client.get("/me", headers={"Authorization": f"Bearer {renewed['access_token']}"}).status_code == 200


def test_options_take_the_place_of_those_of_the_kit() -> None:
    hasher = FastHasher()
    gate = memory_gate(hasher=hasher, policy=Policy(registration="closed"), tokens=Tokens(audience="https://api.test"))
    with TestClient(app_of(gate), base_url="https://testserver") as client:
        assert client.post("/auth/register", json=ANN, headers=PAGE).json()["code"] == "registration-closed"
        client.post("/auth/login", json=ANN, headers=PAGE)
    assert hasher.calls > 0


def test_two_gates_have_two_secrets(client: TestClient) -> None:
    made = client.post("/auth/register", json=ANN, headers=PAGE).json()
    with TestClient(app_of(memory_gate()), base_url="https://testserver") as other:
        assert other.get("/me", headers={"Authorization": f"Bearer {made['access_token']}"}).status_code == 401


def test_a_route_is_called_as_a_caller_that_never_signed_in() -> None:
    app = app_of(memory_gate())
    app.dependency_overrides[current_principal] = lambda: fake_principal("bob", scopes=["notes:read"])
    with TestClient(app) as client:
        assert client.get("/me").json() == "bob"


def test_a_fake_caller_has_what_a_token_would_say() -> None:
    caller = fake_principal("bob", scopes=["b", "a"], claims={"role": "editor"}, authenticated_at=100)
    assert (caller.account_id, caller.scopes, caller.authenticated_at) == ("bob", frozenset({"a", "b"}), 100)
    assert (caller.claims["sub"], caller.claims["scope"], caller.claims["role"]) == ("bob", "a b", "editor")
    assert fake_principal().authenticated_at > 1_700_000_000
    assert fake_principal(clock=ManualClock(1_000)).begun_at == 1_000
    assert fake_principal().methods == ("pwd",)
    federated = fake_principal(methods=("fed",), acr="urn:example:gold")
    assert (federated.methods, federated.acr, federated.claims["acr"]) == (
        ("fed",),
        "urn:example:gold",
        "urn:example:gold",
    )


def test_a_caller_of_the_gate_s_own_time_has_links_that_open() -> None:
    clock = ManualClock()
    gate = memory_gate(clock=clock)
    app = FastAPI(lifespan=gate.lifespan)

    @app.get("/files/{name}")
    def file(name: str, principal: LinkPrincipal) -> str:
        return f"{name} of {principal.account_id}"

    with TestClient(app) as client:
        link = gate.link(fake_principal("bob", clock=clock), "/files/7")
        assert client.get(link).json() == "7 of bob"
        clock.advance(601)
        assert client.get(link).status_code == 401
