"""FastAPI's idiom: dependencies, the OpenAPI document, overrides, routers, websockets."""

import json
import re
from dataclasses import replace
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient

from gatepass import Principal
from gatepass.guards.fastapi import (
    CurrentPrincipal,
    OptionalPrincipal,
    Requires,
    current_principal,
    include_auth,
    requires,
)
from tests.guards import apps
from tests.support.asgi import call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.websocket import connect


@pytest.fixture
def at() -> GateHarness:
    return GateHarness()


async def test_the_openapi_document_shows_the_scheme_on_guarded_routes_alone(at: GateHarness) -> None:
    document = apps.fastapi(at.gate).openapi()
    schemes = document["components"]["securitySchemes"]
    scheme, page = schemes["Gatepass"], schemes["GatepassPage"]
    assert (page["type"], page["in"], page["name"]) == ("apiKey", "cookie", "__Host-Http-gatepass_page")
    assert document["paths"]["/page-notes"]["get"]["security"] == [{"GatepassPage": ["notes:read"]}]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    paths = document["paths"]
    assert paths["/me"]["get"]["security"] == [{"Gatepass": []}]
    assert paths["/notes"]["get"]["security"] == [{"Gatepass": ["notes:read"]}]
    assert paths["/vault"]["get"]["security"] == [{"Gatepass": ["notes:read"]}]
    assert "parameters" not in paths["/vault"]["get"]
    assert "security" not in paths["/seen"]["get"]
    assert "parameters" not in paths["/me"]["get"]


SOMEBODY: Principal = Principal(
    account_id="somebody",
    session_id="s",
    token_id="t",
    expires_at=2,
    issued_at=1,
    authenticated_at=1,
    scopes=frozenset(),
    claims={},
)


async def test_a_test_may_override_the_caller_and_scopes_are_checked_all_the_same(at: GateHarness) -> None:
    app = apps.fastapi(at.gate)
    app.dependency_overrides[current_principal] = lambda: SOMEBODY
    async with started(app) as running:
        assert (await call(running, "GET", "/me")).status == 200
        assert (await call(running, "GET", "/notes")).code == "insufficient-scope"
        reader = replace(SOMEBODY, scopes=frozenset({"notes:read"}))
        app.dependency_overrides[current_principal] = lambda: reader
        assert (await call(running, "GET", "/notes")).json()["account"] == "somebody"


async def test_routes_with_an_overridden_caller_need_no_lifespan_in_a_test(at: GateHarness) -> None:
    app = apps.fastapi(at.gate)
    app.dependency_overrides[current_principal] = lambda: replace(SOMEBODY, scopes=frozenset({"notes:read"}))
    assert (await call(app, "GET", "/notes")).json()["account"] == "somebody"


async def test_of_a_caller_who_is_overridden_the_sign_in_must_be_recent_or_be_overridden_too(at: GateHarness) -> None:
    app = apps.fastapi(at.gate)
    app.dependency_overrides[current_principal] = lambda: somebody
    somebody = replace(SOMEBODY, scopes=frozenset({"notes:read"}), authenticated_at=at.clock.now())
    async with started(app) as running:
        assert (await call(running, "GET", "/vault")).json()["account"] == "somebody"
        somebody = replace(somebody, authenticated_at=1)
        assert (await call(running, "GET", "/vault")).code == "insufficient-user-authentication"
        app.dependency_overrides[Requires(("notes:read",), apps.RECENT)] = lambda: somebody
        assert (await call(running, "GET", "/vault")).json()["account"] == "somebody"


async def test_a_router_can_be_guarded_as_a_whole(at: GateHarness) -> None:
    router = APIRouter(prefix="/admin", dependencies=[Depends(current_principal)])

    @router.get("/x")
    async def x() -> str:
        return "x"

    app = FastAPI(lifespan=at.gate.lifespan)
    app.mount("/auth", at.gate.asgi)
    app.include_router(router)
    async with started(app) as running:
        ann = Browser(running, mount="/auth")
        await ann.register()
        ann.mount = ""
        assert (await ann.get("/admin/x")).json() == "x"
        assert (await call(running, "GET", "/admin/x")).code == "token-required"


async def test_a_sub_application_without_a_lifespan_is_guarded_by_the_outer_one(at: GateHarness) -> None:
    inner = FastAPI()

    @inner.get("/me")
    async def me(principal: CurrentPrincipal) -> str:
        return principal.session_id

    app = FastAPI(lifespan=at.gate.lifespan)
    app.mount("/auth", at.gate.asgi)
    app.mount("/v1", inner)
    async with started(app) as running:
        ann = Browser(running, mount="/auth")
        await ann.register()
        ann.mount = "/v1"
        assert (await ann.get("/me")).json() == ann.sid
        assert (await call(running, "GET", "/v1/me")).code == "token-required"


async def test_behind_a_prefix_it_works_the_same(at: GateHarness) -> None:
    app = FastAPI(lifespan=at.gate.lifespan)
    app.mount("/auth", at.gate.asgi)
    async with started(app) as running:
        ann = Browser(at.gate.asgi)
        await ann.register()
        answer = await call(running, "GET", "/svc/auth/me", headers=[ann.bearer], root_path="/svc")
        assert answer.status == 200


async def test_in_two_lines_without_a_lifespan_the_endpoints_serve(at: GateHarness) -> None:
    """The first request opens the gate; guarded routes then need `gate.guard(app)`."""
    app = FastAPI()
    app.mount("/auth", at.gate.asgi)
    try:
        ann = Browser(app, mount="/auth")
        assert (await ann.register()).status == 201
        assert (await ann.refresh()).status == 200
    finally:
        await at.gate.close()


async def test_several_dependencies_of_one_route_agree(at: GateHarness) -> None:
    app = FastAPI(lifespan=at.gate.lifespan)

    @app.get("/both")
    async def both(
        principal: CurrentPrincipal,
        optional: OptionalPrincipal,
        scoped: Annotated[Principal, requires()],
    ) -> bool:
        return principal == optional == scoped

    async with started(app) as running:
        ann = Browser(at.gate.asgi)
        await ann.register()
        answer = await call(running, "GET", "/both", headers=[ann.bearer])
        assert answer.json() is True


async def test_a_websocket_finds_its_caller_and_refuses_others_before_the_handshake(at: GateHarness) -> None:
    app = FastAPI(lifespan=at.gate.lifespan)

    @app.websocket("/ws")
    async def talk(websocket: WebSocket, principal: CurrentPrincipal) -> None:
        await websocket.accept()
        await websocket.send_text(principal.session_id)

    async with started(app) as running:
        ann = Browser(at.gate.asgi)
        await ann.register()
        accepted, text, *_ = await connect(running, "/ws", headers=[ann.bearer])
        assert (accepted["type"], text["text"]) == ("websocket.accept", ann.sid)
        refused = await connect(running, "/ws")
        assert refused
        assert all(message["type"] != "websocket.accept" for message in refused)


def test_the_endpoints_may_stand_in_the_document_of_the_application(at: GateHarness) -> None:
    app = FastAPI(lifespan=at.gate.lifespan)
    include_auth(app, at.gate, mount="/v1/auth")

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> str:
        return principal.account_id

    with TestClient(app, base_url=ORIGIN) as client:
        document = client.get("/openapi.json").json()
        assert client.get("/openapi.json").json() == document
        assert set(document["paths"]) > {"/me", "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/sessions/{sid}"}
        assert document["paths"]["/v1/auth/me"]["get"]["security"] == document["paths"]["/me"]["get"]["security"]
        login = document["paths"]["/v1/auth/login"]["post"]
        assert {parameter["name"] for parameter in login["parameters"]} >= {"Gatepass-Client"}
        refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
        assert refs <= set(document["components"]["schemas"])
        assert {"GatepassSignIn", "GatepassProblem"} <= refs
        operations = [
            each["operationId"]
            for item in document["paths"].values()
            for each in item.values()
            if isinstance(each, dict)
        ]
        assert len(operations) == len(set(operations))
        body = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
        assert client.post("/v1/auth/register", json=body, headers={"Gatepass-Client": "1"}).status_code == 201
