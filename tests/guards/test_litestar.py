"""Litestar's idiom: plugin, dependencies, guards on every layer, hooks, websockets, OpenAPI."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from litestar import Litestar, Request, Response, WebSocket, get, websocket
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from gatepass.access.asgi import current_principal as asgi_principal
from gatepass.errors import ConfigurationError
from gatepass.guards.litestar import (
    CurrentPrincipal,
    Denied,
    GatepassPlugin,
    LinkPrincipal,
    OptionalPagePrincipal,
    OptionalPrincipal,
    PagePrincipal,
    current_principal,
    requires,
)
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.support.asgi import Answer, call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.websocket import connect


@get("/me")
async def me(principal: CurrentPrincipal) -> dict[str, str]:
    """Who is calling."""
    return {"session": principal.session_id}


@get("/maybe")
async def maybe(optional_principal: OptionalPrincipal) -> dict[str, bool]:
    return {"known": optional_principal is not None}


@get("/notes", guards=[requires("notes:read"), requires("notes:write")])
async def notes(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"session": current_principal(request).session_id}


@get("/open")
async def open_route() -> dict[str, str]:
    return {}


@websocket("/ws", guards=[requires()])
async def socket_route(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.close()


def application(at: GateHarness, *handlers: Any, **options: Any) -> ASGIApp:
    chosen = handlers or (me, maybe, notes, open_route, socket_route)
    return cast(ASGIApp, Litestar(list(chosen), plugins=[GatepassPlugin(at.gate)], **options))


async def signed_in(app: ASGIApp) -> Browser:
    ann = Browser(app, mount="/auth")
    assert (await ann.register()).status == 201
    return ann


@pytest.fixture
def at() -> GateHarness:
    return GateHarness()


class TestRefusals:
    async def test_they_are_the_asgi_guards_byte_for_byte(self, at: GateHarness) -> None:
        def shape(answer: Answer) -> tuple[int, set[tuple[str, str]], bytes]:
            return answer.status, set(answer.headers), answer.body

        async def bare(scope: Scope, receive: Receive, send: Send) -> None:
            asgi_principal(scope, *(["notes:read", "notes:write"] if scope["path"] == "/notes" else []))

        async with started(application(at)) as app:
            ann = await signed_in(app)
            for path, headers in (
                ("/me", []),
                ("/me", [("authorization", "Bearer x")]),
                ("/notes", []),
                ("/maybe", [("authorization", "Bearer x")]),
            ):
                expected = await call(at.gate.guard(bare), "GET", path.replace("maybe", "me"), headers=headers)
                assert shape(await call(app, "GET", path, headers=headers)) == shape(expected)
            insufficient = await call(app, "GET", "/notes", headers=[ann.bearer])
            assert insufficient.status == 403
            assert insufficient.one("www-authenticate") == 'Bearer error="insufficient_scope", scope="notes:read"'

    async def test_an_application_may_answer_them_itself(self, at: GateHarness) -> None:
        def mine(_request: Request[Any, Any, Any], denied: Denied) -> Response[str]:
            return Response(f"mine: {denied.problem.code}", status_code=418, media_type="text/plain")

        async with started(application(at, exception_handlers={Denied: mine})) as app:
            answer = await call(app, "GET", "/me")
            assert (answer.status, answer.body) == (418, b"mine: token-required")

    async def test_other_errors_stay_litestars(self, at: GateHarness) -> None:
        @get("/teapot")
        async def teapot() -> None:
            raise HTTPException(status_code=418, detail="short and stout")

        async with started(application(at, teapot)) as app:
            assert (await call(app, "GET", "/teapot")).json()["detail"] == "short and stout"
            assert (await call(app, "GET", "/nowhere")).status == 404

    async def test_a_websocket_with_a_wrong_token_is_closed_before_it_opens(self, at: GateHarness) -> None:
        async with started(application(at)) as app:
            ann = await signed_in(app)
            (refused,) = await connect(app, "/ws", headers=[("authorization", "Bearer x")])
            assert (refused["type"], refused["code"], refused["reason"]) == ("websocket.close", 1008, "invalid-token")
            accepted, *_ = await connect(app, "/ws", headers=[ann.bearer])
            assert accepted["type"] == "websocket.accept"

    async def test_without_the_plugin_nobody_passes(self, at: GateHarness) -> None:
        app = cast(ASGIApp, Litestar([notes], debug=False))
        async with at.gate.running():
            ann = await signed_in(at.gate.served)
            assert (await call(app, "GET", "/notes", headers=[ann.bearer])).status == 500


class TestLayers:
    async def test_a_guard_on_the_whole_application_leaves_the_auth_endpoints_open(self, at: GateHarness) -> None:
        async with started(application(at, open_route, guards=[requires()])) as app:
            ann = await signed_in(app)
            assert (await call(app, "GET", "/open")).code == "token-required"
            assert (await call(app, "GET", "/open", headers=[ann.bearer])).status == 200
            assert (await ann.refresh()).status == 200
            assert (await ann.logout()).status == 204

    async def test_a_dependency_of_ones_own_by_that_name_stays(self, at: GateHarness) -> None:
        from litestar.di import NamedDependency, Provide

        @get("/mine")
        async def mine(principal: NamedDependency[str]) -> dict[str, str]:
            return {"principal": principal}

        provide = Provide(lambda: "the head teacher", sync_to_thread=False)
        async with started(application(at, mine, dependencies={"principal": provide})) as app:
            assert (await call(app, "GET", "/mine")).json() == {"principal": "the head teacher"}


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


async def test_a_dependency_may_be_replaced_in_tests(at: GateHarness) -> None:
    """The plugin's are defaults: what the application gives under their names is used."""
    from gatepass.core.principal import Principal

    ann: Principal = Principal("ann", "sid", "jti", 0, 0, 0, frozenset(), {})
    provide: Callable[[], Principal] = lambda: ann  # noqa: E731
    from litestar.di import Provide

    dependencies = {"principal": Provide(provide, sync_to_thread=False)}
    async with started(application(at, me, dependencies=dependencies)) as app:
        assert (await call(app, "GET", "/me")).json() == {"session": "sid"}


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
