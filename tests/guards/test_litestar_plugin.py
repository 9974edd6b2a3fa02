"""The plugin in an application of Litestar: mount, cookie, lifespan, OpenAPI, and what it refuses at start."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from litestar import Litestar, Request, Response, get
from litestar.config.cors import CORSConfig
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from gatepass.errors import ConfigurationError
from gatepass.guards.litestar import (
    CurrentPrincipal,
    GatepassPlugin,
    LinkPrincipal,
    OptionalPagePrincipal,
    OptionalPrincipal,
    PagePrincipal,
)
from gatepass.wire.asgi import ASGIApp
from tests.guards.litestar_routes import application, maybe, me, notes, open_route, signed_in
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started


@pytest.fixture
def at() -> GateHarness:
    return GateHarness()


class TestMount:
    async def test_the_endpoints_are_found_below_it(self, at: GateHarness) -> None:
        async with started(application(at)) as app:
            ann = await signed_in(app)
            assert (await call(app, "GET", "/auth/me", headers=[ann.bearer])).status == 200

    async def test_what_is_not_there_is_not_found(self, at: GateHarness) -> None:
        async with started(application(at)) as app:
            assert (await call(app, "GET", "/auth/nowhere")).code == "not-found"
            assert (await call(app, "GET", "/auth")).code == "not-found"
            assert (await call(app, "DELETE", "/auth/login")).code == "method-not-allowed"

    async def test_a_session_is_ended_by_its_id_in_the_path(self, at: GateHarness) -> None:
        async with started(application(at)) as app:
            ann = await signed_in(app)
            assert (await ann.send("DELETE", f"/sessions/{ann.sid}", headers=[ann.bearer])).status == 204
            assert (await call(app, "GET", "/me", headers=[ann.bearer])).code == "invalid-token"

    async def test_it_may_be_elsewhere_or_nowhere(self, at: GateHarness) -> None:
        moved = Litestar([me], plugins=[GatepassPlugin(at.gate, auth="/api/session")])
        async with started(cast(ASGIApp, moved)) as app:
            assert (await Browser(app, mount="/api/session").register()).status == 201
        without = Litestar([me], plugins=[GatepassPlugin(at.gate, auth=None)])
        async with started(cast(ASGIApp, without)) as app:
            assert (await call(app, "POST", "/auth/login")).status == 404

    async def test_a_mount_of_ones_own_works_too(self, at: GateHarness) -> None:
        from litestar import asgi

        @asgi("/auth", is_mount=True, copy_scope=True)
        async def auth(scope: Any, receive: Any, send: Any) -> None:
            await at.gate.asgi(scope, receive, send)

        app = Litestar([me, auth], plugins=[GatepassPlugin(at.gate, auth=None)])
        async with started(cast(ASGIApp, app)) as running:
            ann = await signed_in(running)
            assert (await ann.refresh()).status == 200


class TestRefreshCookie:
    async def test_no_hook_and_no_handler_of_the_application_sees_it(self, at: GateHarness) -> None:
        seen: list[str] = []

        async def before_send(_message: Any, scope: Any) -> None:
            seen.append(repr(scope))

        async def after_exception(_error: Exception, scope: Any) -> None:
            seen.append(repr(scope))

        def not_found(request: Request[Any, Any, Any], _error: Exception) -> Response[None]:
            seen.append(repr(request.scope) + repr(request.cookies))
            return Response(None, status_code=404)

        hooks: dict[str, Any] = {
            "before_send": [before_send],
            "after_exception": [after_exception],
            "exception_handlers": {404: not_found},
            "cors_config": CORSConfig(allow_origins=["https://x.example"]),
        }
        async with started(application(at, **hooks)) as app:
            for path in ("/open", "/me", "/nowhere"):
                assert (await call(app, "GET", path, headers=[("cookie", f"theme=dark; {RT}=canary-1")])).status
        assert len(seen) >= 6
        assert all("canary-1" not in text and "theme=dark" in text for text in seen)


class TestLifespan:
    async def test_the_gate_is_open_while_the_application_is(self, at: GateHarness) -> None:
        order: list[bool] = []

        def note(_app: Litestar) -> None:
            order.append(at.gate._parts.lifecycle.is_open)

        app = Litestar([me], plugins=[GatepassPlugin(at.gate)], on_startup=[note], on_shutdown=[note])
        async with started(cast(ASGIApp, app)):
            pass
        assert order == [True, False]
        assert not at.gate._parts.lifecycle.is_open

    async def test_an_application_may_start_again(self, at: GateHarness) -> None:
        litestar = Litestar([me], plugins=[GatepassPlugin(at.gate)])
        handler = litestar.asgi_handler
        for _ in range(2):
            async with started(cast(ASGIApp, litestar)) as app:
                assert (await call(app, "GET", "/me")).code == "token-required"
            assert litestar.asgi_handler is handler


class TestOpenAPI:
    def paths(self, litestar: Litestar) -> dict[str, Any]:
        return litestar.openapi_schema.to_schema()

    def made(self, at: GateHarness, **options: Any) -> dict[str, Any]:
        app = Litestar([me, maybe, notes, open_route], plugins=[GatepassPlugin(at.gate)], **options)
        return app.openapi_schema.to_schema()

    def test_the_scheme_and_what_each_route_asks_for_are_told(self, at: GateHarness) -> None:
        for _ in range(2):
            schema = self.made(at)
            assert schema["components"]["securitySchemes"]["Gatepass"]["scheme"] == "bearer"
            security = {path: item["get"].get("security") for path, item in schema["paths"].items()}
            assert security == {
                "/me": [{"Gatepass": []}],
                "/maybe": [{"Gatepass": []}, {}],
                "/notes": [{"Gatepass": ["notes:read", "notes:write"]}],
                "/open": None,
            }
            assert "parameters" not in schema["paths"]["/me"]["get"]

    def test_what_the_application_said_stays(self, at: GateHarness) -> None:
        other = Components(security_schemes={"Other": SecurityScheme(type="http", scheme="basic")})
        schema = self.made(at, openapi_config=OpenAPIConfig("Mine", "1", components=other))
        assert set(schema["components"]["securitySchemes"]) == {"Other", "Gatepass"}
        assert schema["info"]["title"] == "Mine"

    def test_an_application_without_a_schema_has_none(self, at: GateHarness) -> None:
        app = Litestar([me], plugins=[GatepassPlugin(at.gate)], openapi_config=None)
        assert app.openapi_config is None


async def for_one(principal: CurrentPrincipal) -> str:
    return principal.account_id


async def for_one_or_nobody(optional_principal: OptionalPrincipal) -> str:
    return str(optional_principal)


async def page_for_one(page_principal: PagePrincipal) -> str:
    return page_principal.account_id


async def page_for_one_or_nobody(optional_page_principal: OptionalPagePrincipal) -> str:
    return str(optional_page_principal)


async def linked_for_one(link_principal: LinkPrincipal) -> str:
    return link_principal.account_id


@pytest.mark.parametrize("handler", [for_one, for_one_or_nobody, linked_for_one, page_for_one, page_for_one_or_nobody])
def test_a_cached_handler_that_is_for_one_person_is_a_fault_at_start(handler: Callable[..., Any]) -> None:
    """The cache has one response for each address, and is asked before the dependencies: without any token, too."""
    with pytest.raises(ConfigurationError, match=r"cache=… and asks for `\w+`"):
        application(GateHarness(), get("/notes", cache=True)(handler))
    application(GateHarness(), get("/notes")(handler))
