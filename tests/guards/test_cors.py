"""CORS as applications set it: preflights never need a token, and pages of ORIGINS reach the endpoints (C4, C5)."""

from collections.abc import Callable
from typing import Any

import pytest
import werkzeug.test
from fastapi import FastAPI
from fastapi.testclient import TestClient
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Host, Mount, Router

from gatepass.gate import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal
from gatepass.guards.litestar import GatepassPlugin
from gatepass.wire.browsers import Browsers
from gatepass.wire.origin import CORS_HEADERS
from tests.support.browser import ORIGIN
from tests.support.gates import GateHarness

PAGE = "https://page.example"
BODY = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
Ask = Callable[[str, str, dict[str, str]], tuple[int, dict[str, str]]]


def preflight(headers: str = ", ".join(CORS_HEADERS)) -> dict[str, str]:
    return {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}


def gate_for_page() -> Gatepass:
    return GateHarness(browsers=Browsers(origins=[PAGE])).gate


def fastapi_with(gate: Gatepass, **cors: Any) -> FastAPI:
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)
    app.add_middleware(CORSMiddleware, **cors)

    @app.get("/me")
    def me(principal: CurrentPrincipal) -> str:
        return principal.account_id

    return app


def assert_page_signs_in(ask: Ask) -> None:
    """What a browser checks of a page of another origin that signs in with cookies."""
    status, headers = ask("OPTIONS", "/auth/register", preflight("content-type, gatepass-client"))
    assert status in (200, 204)
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-credentials"] == "true"
    assert {"content-type", "gatepass-client", "gatepass-proof"} <= set(
        headers["access-control-allow-headers"].split(", ")
    )
    named = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Gatepass-Client": "1"}
    status, headers = ask("POST", "/auth/register", named)
    assert status == 201
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-credentials"] == "true"
    assert "WWW-Authenticate" in headers["access-control-expose-headers"]
    status, headers = ask("POST", "/auth/refresh", named)
    assert (status in (200, 401), headers["access-control-allow-origin"]) == (True, PAGE)  # as the client has cookies


def over(client: Any, origin: str = ORIGIN) -> Ask:
    def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        body = {"json": BODY} if method == "POST" and path.endswith("register") else {}
        answer = client.request(method, origin + path, headers=headers, **body)
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}

    return ask


@pytest.mark.parametrize(
    "cors",
    [
        {"allow_origins": [PAGE], "allow_headers": ["Authorization"]},
        {"allow_origins": ["*"]},
        {"allow_origins": ["*"], "allow_headers": ["*"], "allow_credentials": True},
        {"allow_origins": ["https://other.example"]},
        {"allow_origins": [PAGE], "allow_headers": list(CORS_HEADERS), "allow_credentials": True},
    ],
)
def test_whatever_the_middleware_of_a_fastapi_application_allows_the_page_signs_in(cors: dict[str, Any]) -> None:
    with TestClient(fastapi_with(gate_for_page(), **cors)) as client:
        assert_page_signs_in(over(client))


def test_a_page_that_the_gate_does_not_know_gets_no_more_than_the_application_allows() -> None:
    with TestClient(fastapi_with(GateHarness().gate, allow_origins=["https://other.example"])) as client:
        ask = over(client)
        status, headers = ask("OPTIONS", "/auth/register", preflight())
        assert status == 400
        assert "access-control-allow-origin" not in headers
        status, _ = ask("POST", "/auth/register", {"Origin": PAGE, "Gatepass-Client": "1"})
        assert status == 403


def test_below_a_mounted_application_the_endpoints_are_found_too() -> None:
    gate = gate_for_page()
    inner = FastAPI()
    inner.mount("/auth", gate.asgi)
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/v1", inner)
    app.add_middleware(CORSMiddleware, allow_origins=[PAGE])
    with TestClient(app) as client:
        status, headers = over(client)("OPTIONS", "/v1/auth/login", preflight())
    assert (status, headers["access-control-allow-credentials"]) == (204, "true")


def test_a_guard_that_knows_of_no_mount_hands_the_preflights_of_the_endpoints_on_whole() -> None:
    gate = gate_for_page()
    app = Starlette(routes=[Host("api.example.com", Router([Mount("/auth", gate.asgi)]))], lifespan=gate.lifespan)
    with TestClient(gate.guard(app), base_url="https://api.example.com") as client:
        status, headers = over(client, "https://api.example.com")("OPTIONS", "/auth/register", preflight())
    assert (status, headers["access-control-allow-origin"]) == (204, PAGE)
    assert headers["access-control-allow-headers"] == ", ".join(CORS_HEADERS)
    assert headers["access-control-allow-methods"] == "POST"
    assert headers["access-control-max-age"] == "600"


def test_the_preflights_of_the_application_are_its_own() -> None:
    with TestClient(fastapi_with(gate_for_page(), allow_origins=[PAGE], allow_headers=["Authorization"])) as client:
        asked = {**preflight("authorization"), "Access-Control-Request-Method": "GET"}
        status, headers = over(client)("OPTIONS", "/me", asked)
        assert (status, headers.get("access-control-allow-credentials")) == (200, None)
        status, headers = over(client)("GET", "/me", {"Origin": PAGE})
        assert (status, headers["access-control-allow-origin"]) == (401, PAGE)


def test_litestars_configuration_keeps_no_page_out() -> None:
    config = CORSConfig(allow_origins=[PAGE], allow_headers=["Authorization"])
    app = Litestar([], plugins=[GatepassPlugin(gate_for_page())], cors_config=config)
    with LitestarClient(app) as client:
        assert_page_signs_in(over(client))


async def reached(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"x-reached", scope["method"].encode())]})
    await send({"type": "http.response.body", "body": b""})


def test_a_guard_that_requires_a_token_lets_preflights_pass_and_its_refusals_can_be_read() -> None:
    gate = gate_for_page()
    client = TestClient(gate.guard(reached, required=True))
    assert client.options("/", headers=preflight()).status_code == 204
    assert client.options("/").status_code == 401  # no preflight: an OPTIONS of a program
    assert client.options("/", headers={"Origin": PAGE}).status_code == 401
    refused = client.get("/", headers={"Origin": PAGE, "Authorization": "Bearer a.b.c"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    assert "access-control-allow-origin" not in client.get("/", headers={"Origin": "https://evil.example"}).headers


def test_so_does_the_guard_for_wsgi() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    gate = gate_for_page()
    client = werkzeug.test.Client(gate.guard_wsgi(app, required=True))
    try:
        assert client.options("/", headers=preflight()).status_code == 204
        assert client.options("/").status_code == 401
        refused = client.get("/", headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    finally:
        gate.background.stop()
