"""Starlette's idiom: lifespans, mounts, middleware, the application's own handlers, websockets."""

import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gatepass.guards.starlette import Denied, current_principal, requires
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.websocket import connect


async def me(request: Request) -> Response:
    return JSONResponse({"session": current_principal(request).session_id})


async def signed_in(app: ASGIApp, mount: str = "/auth") -> Browser:
    ann = Browser(app, mount=mount)
    assert (await ann.register()).status == 201
    return ann


@pytest.fixture
def at() -> GateHarness:
    return GateHarness()


async def test_a_lifespan_of_ones_own_goes_around_the_gates(at: GateHarness) -> None:
    order = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        async with at.gate.lifespan(app) as state:
            order.append("up")
            yield {**state, "mine": 1}
            order.append("down")

    async def mine(request: Request) -> Response:
        return JSONResponse({"mine": request.state.mine, "session": current_principal(request).session_id})

    app = Starlette(routes=[Route("/mine", mine), Mount("/auth", at.gate.asgi)], lifespan=lifespan)
    async with started(app) as running:
        ann = await signed_in(running)
        ann.mount = ""
        assert (await ann.get("/mine")).json() == {"mine": 1, "session": ann.sid}
    assert order == ["up", "down"]


async def test_middleware_of_the_application_sees_no_refresh_cookie(at: GateHarness) -> None:
    seen = []

    class Spy:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(repr(scope))
            await self.app(scope, receive, send)

    app = Starlette(
        routes=[Route("/me", me), Mount("/auth", at.gate.asgi)],
        lifespan=at.gate.lifespan,
        middleware=[Middleware(Spy)],
    )
    async with started(app) as running:
        ann = await signed_in(running)
        rt = ann.rt
        assert (await ann.refresh()).status == 200
        await call(running, "GET", "/me", headers=[("cookie", f"{RT}={rt}")])
    assert len(seen) >= 3
    assert not [scope for scope in seen if rt in scope]


async def test_a_sub_application_finds_its_caller_too(at: GateHarness) -> None:
    inner = Starlette(routes=[Route("/me", me)])
    app = Starlette(routes=[Mount("/auth", at.gate.asgi), Mount("/api/v1", inner)], lifespan=at.gate.lifespan)
    async with started(app) as running:
        ann = await signed_in(running)
        ann.mount = "/api/v1"
        assert (await ann.get("/me")).json() == {"session": ann.sid}
        ann.access_token = "x"
        answer = await ann.get("/me")
        assert (answer.status, answer.code) == (401, "invalid-token")


@pytest.mark.parametrize("mount", ["/auth", "/api/auth", "/{tenant}/auth"])
async def test_the_endpoints_can_be_mounted_anywhere(at: GateHarness, mount: str) -> None:
    app = Starlette(routes=[Mount(mount, at.gate.asgi)], lifespan=at.gate.lifespan)
    async with started(app) as running:
        ann = await signed_in(running, mount.replace("{tenant}", "acme"))
        assert (await ann.refresh()).status == 200
        assert (await ann.get("/me")).status == 200


async def test_behind_a_proxy_with_a_root_path_it_works_the_same(at: GateHarness) -> None:
    app = Starlette(routes=[Route("/me", me), Mount("/auth", at.gate.asgi)], lifespan=at.gate.lifespan)
    async with started(app) as running:
        ann = await signed_in(running)
        for path, status in (("/svc/auth/me", 200), ("/svc/me", 200), ("/svc/auth/nothing", 404)):
            answer = await call(running, "GET", path, headers=[ann.bearer], root_path="/svc")
            assert answer.status == status, path


async def test_without_a_lifespan_the_guard_wraps_and_the_first_request_opens_the_gate(at: GateHarness) -> None:
    """Two lines where a lifespan is not used: mount, and `app = gate.guard(app)`."""
    app = at.gate.guard(Starlette(routes=[Route("/me", me), Mount("/auth", at.gate.asgi)]))
    try:
        ann = await signed_in(app)
        ann.mount = ""
        assert (await ann.get("/me")).json() == {"session": ann.sid}
    finally:
        await at.gate.close()


async def test_an_application_may_answer_refusals_itself(at: GateHarness) -> None:
    async def sorry(request: Request, denied: Exception) -> Response:
        assert isinstance(denied, Denied)
        return PlainTextResponse(f"no: {denied.problem.code}", 418)

    app = Starlette(routes=[Route("/me", me)], lifespan=at.gate.lifespan, exception_handlers={Denied: sorry})
    async with started(app) as running:
        answer = await call(running, "GET", "/me")
        assert (answer.status, answer.body) == (418, b"no: token-required")


async def test_a_handler_for_the_status_sees_the_refusal(at: GateHarness) -> None:
    async def to_login(request: Request, denied: Exception) -> Response:
        return Response(status_code=303, headers={"location": "/sign-in"})

    app = Starlette(routes=[Route("/me", me)], lifespan=at.gate.lifespan, exception_handlers={401: to_login})
    async with started(app) as running:
        assert (await call(running, "GET", "/me")).status == 303


async def test_other_http_exceptions_are_not_ours_to_answer(at: GateHarness) -> None:
    async def teapot(request: Request) -> Response:
        raise HTTPException(418, "short and stout")

    app = Starlette(routes=[Route("/me", me), Route("/pot", teapot)], lifespan=at.gate.lifespan)
    async with started(app) as running:
        await call(running, "GET", "/me")
        answer = await call(running, "GET", "/pot")
        assert (answer.status, answer.body) == (418, b"short and stout")


class TestWebsocket:
    @pytest.fixture
    def app(self, at: GateHarness) -> Starlette:
        async def talk(websocket: WebSocket) -> None:
            session = current_principal(websocket).session_id
            await websocket.accept()
            await websocket.send_text(session)
            await websocket.close()

        routes = [WebSocketRoute("/ws", talk), Mount("/auth", at.gate.asgi)]
        return Starlette(routes=routes, lifespan=at.gate.lifespan)

    async def test_a_caller_is_found(self, at: GateHarness, app: Starlette) -> None:
        async with started(app) as running:
            ann = await signed_in(running)
            accepted, text, closed = await connect(running, "/ws", headers=[ann.bearer])
            assert accepted["type"] == "websocket.accept"
            assert text["text"] == ann.sid
            assert closed["type"] == "websocket.close"

    @pytest.mark.parametrize("headers", [[], [("authorization", "Bearer x")]])
    async def test_nobody_is_refused_before_the_handshake(
        self, at: GateHarness, app: Starlette, headers: list[tuple[str, str]]
    ) -> None:
        async with started(app) as running:
            sent = await connect(running, "/ws", headers=headers)
        assert sent
        assert all(message["type"] != "websocket.accept" for message in sent)


def test_requires_refuses_a_plain_function_when_it_decorates() -> None:
    def plain(request: Request) -> Response:
        return Response()

    with pytest.raises(TypeError, match="async"):
        requires()(plain)  # type: ignore[arg-type]


async def test_requires_needs_an_endpoint_that_takes_the_request() -> None:
    @requires()
    async def endpoint() -> None:
        """Takes nothing."""

    with pytest.raises(TypeError, match="request"):
        await endpoint()
