"""Litestar's idiom: dependencies, and guards on every layer, of websockets too."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException

from gatepass.access.asgi import current_principal as asgi_principal
from gatepass.guards.litestar import Denied, requires
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.guards.litestar_routes import application, me, notes, open_route, signed_in
from tests.support.asgi import Answer, call
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.websocket import connect


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


async def test_a_dependency_may_be_replaced_in_tests(at: GateHarness) -> None:
    """The plugin's are defaults: what the application gives under their names is used."""
    from gatepass.core.principal import Principal

    ann: Principal = Principal("ann", "sid", "jti", 0, 0, 0, frozenset(), {})
    provide: Callable[[], Principal] = lambda: ann  # noqa: E731
    from litestar.di import Provide

    dependencies = {"principal": Provide(provide, sync_to_thread=False)}
    async with started(application(at, me, dependencies=dependencies)) as app:
        assert (await call(app, "GET", "/me")).json() == {"session": "sid"}
