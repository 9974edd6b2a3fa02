"""Claims in a type of the application's: checked once, unchangeable, and known to mypy."""

import dataclasses
import sys
import typing
from collections.abc import Mapping
from typing import Annotated, assert_type

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from typing_extensions import TypedDict

from gatepass.core.claims import Tokens
from gatepass.core.principal import Principal
from gatepass.core.strict_json import Json
from gatepass.core.typed_claims import read_claims
from gatepass.errors import ConfigurationError, InvalidToken
from gatepass.guards.fastapi import requires
from gatepass.testing.gates import fake_principal, memory_gate


class Model(BaseModel, frozen=True):
    roles: tuple[str, ...] = ()
    seats: int


@dataclasses.dataclass(frozen=True)
class Frozen:
    seats: int
    roles: tuple[str, ...] = ()


class Typed(TypedDict):
    roles: list[str]
    seats: int


class Changeable(BaseModel):
    seats: int


@dataclasses.dataclass
class ChangeableData:
    seats: int


CLAIMS: dict[str, Json] = {"roles": ["editor"], "seats": 5}


def test_mypy_knows_what_the_claims_are() -> None:
    bare = fake_principal(claims=CLAIMS)
    assert_type(bare, Principal)
    assert_type(bare.claims, Mapping[str, Json])
    typed = bare.typed(Model)
    assert_type(typed, Principal[Model])
    assert_type(typed.claims.roles, tuple[str, ...])
    assert_type(bare.typed(Typed).claims["seats"], int)
    assert typed.claims == Model(roles=("editor",), seats=5)
    assert (typed.account_id, typed.scopes) == (bare.account_id, bare.scopes)


def test_a_function_for_any_caller_takes_one_with_typed_claims() -> None:
    def name(principal: Principal[object]) -> str:
        return principal.account_id

    assert name(fake_principal()) == name(fake_principal(claims=CLAIMS).typed(Model)) == "ann"


def test_no_handler_changes_what_the_guard_has_checked() -> None:
    principal = fake_principal(claims=CLAIMS)
    with pytest.raises(Exception, match="frozen"):
        principal.typed(Model).claims.seats = 6  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        principal.typed(Frozen).claims.seats = 6  # type: ignore[misc]
    typed = principal.typed(Typed).claims
    with pytest.raises(TypeError):
        typed["seats"] = 6
    with pytest.raises(TypeError):
        typed["roles"].append("admin")


@pytest.mark.parametrize("kind", [Changeable, ChangeableData, dict, str])
def test_a_type_that_can_be_changed_is_refused_when_the_route_is_declared(kind: type) -> None:
    with pytest.raises(ConfigurationError, match=r"frozen=True"):
        requires(claims=kind)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic reads a TypedDict of typing there")
def test_a_type_that_pydantic_cannot_read_is_told_with_its_mend() -> None:
    kind = typing.TypedDict("kind", {"seats": int})  # noqa: UP013
    with pytest.raises(ConfigurationError, match=r"typing_extensions\.TypedDict"):
        requires(claims=kind)


def test_claims_that_do_not_fit_are_told_by_name_and_never_by_value() -> None:
    with pytest.raises(ValueError, match=r"^claims do not fit Model: roles, seats$") as told:
        read_claims(Model, {"roles": "canary", "seats": "canary"})
    assert "canary" not in str(told.value)


def test_a_token_whose_claims_do_not_fit_is_invalid_so_the_client_refreshes() -> None:
    with pytest.raises(InvalidToken) as refused:
        fake_principal().typed(Model)
    assert "seats" in refused.value.why


def test_fastapi_gives_a_route_its_typed_caller_and_refuses_a_token_of_before_the_type() -> None:
    claims: dict[str, Json] = {"seats": 5, "scope": "notes:read"}
    gate = memory_gate(tokens=Tokens(claims=lambda session: claims))
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.get("/seats")
    async def seats(caller: Annotated[Principal[Model], requires("notes:read", claims=Model)]) -> int:
        assert_type(caller.claims.seats, int)
        return caller.claims.seats

    with TestClient(app, base_url="https://testserver", headers={"gatepass-client": "1"}) as client:
        entered = client.post("/auth/register", json={"email": "ann@example.com", "password": "a long pass phrase"})
        headers = {"authorization": f"Bearer {entered.json()['access_token']}"}
        assert client.get("/seats", headers=headers).json() == 5
        claims.clear()
        claims["scope"] = "notes:read"
        entered = client.post("/auth/login", json={"email": "ann@example.com", "password": "a long pass phrase"})
        headers = {"authorization": f"Bearer {entered.json()['access_token']}"}
        refused = client.get("/seats", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid-token")
