"""WebSockets in the idiom of each ASGI framework, with that framework's own test client (PROTOCOL §10)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import litestar
import pytest
from fastapi import FastAPI, WebSocket
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession

from gatepass import Gatepass, Principal
from gatepass.access import asgi
from gatepass.guards import fastapi as fastapi_guard
from gatepass.guards import litestar as litestar_guard
from gatepass.guards import starlette as starlette_guard
from gatepass.testing import memory_gate
from gatepass.testing.clock import ManualClock
from gatepass.wire.asgi import Receive, Scope, Send
from tools.services.patience import until

SIGN_UP = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
NATIVE = {"Gatepass-Client": "1"}
URL = "https://testserver.local"

SPEAKING: list[object] = []


async def speak_on(send: Callable[[str], Awaitable[None]]) -> None:
    """Send, as long as that raises nothing, and never listen."""
    SPEAKING.append(send)
    try:
        while True:
            await send("news")
            await asyncio.sleep(0)
    finally:
        SPEAKING.remove(send)


def starlette_app(gate: Gatepass) -> Starlette:
    @starlette_guard.requires()
    async def chat(socket: Any) -> None:
        await socket.accept()
        async for _ in socket.iter_text():
            await socket.send_text(starlette_guard.current_principal(socket).session_id)

    @starlette_guard.requires()
    async def speak(socket: Any) -> None:
        await socket.accept()
        await speak_on(socket.send_text)

    routes = [WebSocketRoute("/chat", chat), WebSocketRoute("/speak", speak), Mount("/auth", gate.asgi)]
    return Starlette(routes=routes, lifespan=gate.lifespan)


def fastapi_app(gate: Gatepass) -> FastAPI:
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.websocket("/chat")
    async def chat(socket: WebSocket, principal: fastapi_guard.CurrentPrincipal) -> None:
        await socket.accept()
        async for _ in socket.iter_text():
            await socket.send_text(fastapi_guard.newest_principal(socket).session_id)

    @app.websocket("/speak")
    async def speak(socket: WebSocket, principal: fastapi_guard.CurrentPrincipal) -> None:
        await socket.accept()
        await speak_on(socket.send_text)

    return app


def litestar_app(gate: Gatepass) -> Any:
    @litestar.websocket("/chat")
    async def chat(socket: litestar.WebSocket[Any, Any, Any], principal: litestar_guard.CurrentPrincipal) -> None:
        await socket.accept()
        async for _ in socket.iter_data("text"):
            await socket.send_text(litestar_guard.current_principal(socket).session_id)

    @litestar.websocket("/speak")
    async def speak(socket: litestar.WebSocket[Any, Any, Any], principal: litestar_guard.CurrentPrincipal) -> None:
        await socket.accept()
        await speak_on(socket.send_text)

    return litestar.Litestar([chat, speak], plugins=[litestar_guard.GatepassPlugin(gate)])


def bare_app(gate: Gatepass) -> Any:
    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/speak":
            await speak_on(lambda text: send({"type": "websocket.send", "text": text}))
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": asgi.current_principal(scope).session_id})

    guarded = gate.guard(chat, required=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            guard = gate.guard(chat)
            await (_lifespan(gate, receive, send) if scope["type"] == "lifespan" else guard(scope, receive, send))
            return
        await guarded(scope, receive, send)

    return app


async def _lifespan(gate: Gatepass, receive: Receive, send: Send) -> None:
    await receive()
    async with gate.running():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


APPS = {"starlette": starlette_app, "fastapi": fastapi_app, "litestar": litestar_app, "asgi": bare_app}


class Visit:
    """An application of one framework, ann who is signed in, and the framework's own client."""

    def __init__(self, client: Any, gate: Gatepass, clock: ManualClock) -> None:
        self.client, self.gate, self.clock = client, gate, clock
        granted = client.post("/auth/register", json=SIGN_UP, headers=NATIVE).json()
        self.token, self.sid = granted["access_token"], granted["session_id"]

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def show(self, socket: WebSocketTestSession) -> Any:
        socket.send_text(json.dumps({"type": "gatepass", "access_token": self.token}))
        return json.loads(socket.receive_text())

    def sign_out(self) -> None:
        assert self.client.post("/auth/logout", headers={**NATIVE, **self.bearer()}).status_code == 204


@pytest.fixture(params=APPS)
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    clock = ManualClock()
    gate = memory_gate(clock=clock, public_url=URL)
    app = APPS[request.param](gate)
    made = LitestarClient(app, base_url=URL) if request.param == "litestar" else TestClient(app, base_url=URL)
    with made as client:
        yield Visit(client, gate, clock)


def code_of(socket: Any) -> int:
    """The code with which a socket is closed, whatever was sent before."""
    with pytest.raises(Exception) as closed:
        while True:
            socket.receive_text()
    code = closed.value.code  # type: ignore[attr-defined]
    assert isinstance(code, int)
    return code


class TestEveryFramework:
    def test_a_first_message_lets_in_and_the_route_knows_its_caller(self, visit: Visit) -> None:
        with visit.client.websocket_connect("/chat") as socket:
            assert visit.show(socket) == {"type": "gatepass", "session_id": visit.sid, "expires_in": 900}
            socket.send_text("who am I?")
            assert socket.receive_text() == visit.sid

    def test_a_header_does(self, visit: Visit) -> None:
        with visit.client.websocket_connect("/chat", headers=visit.bearer()) as socket:
            socket.send_text("who am I?")
            assert socket.receive_text() == visit.sid

    def test_a_sub_protocol_does(self, visit: Visit) -> None:
        with visit.client.websocket_connect("/chat", subprotocols=["gatepass", visit.token]) as socket:
            assert socket.accepted_subprotocol == "gatepass"
            socket.send_text("who am I?")
            assert socket.receive_text() == visit.sid

    def test_a_wrong_token_is_4401(self, visit: Visit) -> None:
        with visit.client.websocket_connect("/chat") as socket:
            socket.send_text(json.dumps({"type": "gatepass", "access_token": "x"}))
            assert code_of(socket) == 4401

    def test_the_end_of_the_session_is_4403(self, visit: Visit) -> None:
        with visit.client.websocket_connect("/chat") as socket:
            visit.show(socket)
            visit.sign_out()
            assert code_of(socket) == 4403
        until(lambda: visit.gate.live.count == 0)

    def test_a_route_that_only_speaks_ends_with_the_session_and_leaves_no_error(
        self, visit: Visit, caplog: pytest.LogCaptureFixture
    ) -> None:
        with visit.client.websocket_connect("/speak", headers=visit.bearer()) as socket:
            assert socket.receive_text() == "news"
            visit.sign_out()
            assert code_of(socket) == 4403
            until(lambda: SPEAKING == [])
        assert [each for each in caplog.records if each.levelname == "ERROR"] == []

    def test_a_page_of_elsewhere_is_refused(self, visit: Visit) -> None:
        headers = {**visit.bearer(), "Origin": "https://evil.example"}
        with pytest.raises(Exception) as refused, visit.client.websocket_connect("/chat", headers=headers):
            pass
        assert getattr(refused.value, "status_code", 403) == 403


class TestFastAPI:
    def test_scopes_are_required_as_of_a_request(self) -> None:
        gate = memory_gate(public_url=URL)
        app = FastAPI(lifespan=gate.lifespan)
        app.mount("/auth", gate.asgi)

        @app.websocket("/chat")
        async def chat(
            socket: WebSocket,
            principal: Principal = fastapi_guard.requires("chat"),  # noqa: B008
        ) -> None:
            raise AssertionError

        with TestClient(app, base_url=URL) as client:
            visit = Visit(client, gate, ManualClock())
            with client.websocket_connect("/chat") as socket:
                visit.show(socket)
                assert code_of(socket) == 1008

    def test_a_caller_may_be_replaced_in_tests(self) -> None:
        from gatepass.testing import fake_principal

        app = fastapi_app(memory_gate(public_url=URL))
        app.dependency_overrides[fastapi_guard.current_principal] = lambda: fake_principal("ann")

        @app.websocket("/mine")
        async def mine(socket: WebSocket, principal: fastapi_guard.CurrentPrincipal) -> None:
            await socket.accept()
            await socket.send_text(principal.account_id)

        with TestClient(app, base_url=URL) as client, client.websocket_connect("/mine") as socket:
            assert socket.receive_text() == "ann"

    def test_a_caller_may_be_optional(self) -> None:
        gate = memory_gate(public_url=URL)
        app = FastAPI(lifespan=gate.lifespan)
        app.mount("/auth", gate.asgi)

        @app.websocket("/maybe")
        async def maybe(socket: WebSocket, principal: fastapi_guard.OptionalPrincipal) -> None:
            await socket.accept()
            await socket.send_text(principal.session_id if principal else "anybody")

        with TestClient(app, base_url=URL) as client:
            visit = Visit(client, gate, ManualClock())
            ways: list[tuple[dict[str, Any], str]] = [
                ({}, "anybody"),
                ({"headers": visit.bearer()}, visit.sid),
                ({"subprotocols": ["gatepass", visit.token]}, visit.sid),
            ]
            for options, says in ways:
                with client.websocket_connect("/maybe", **options) as socket:
                    assert socket.receive_text() == says

    def test_a_route_that_lets_a_refusal_out_closes_by_its_code(self) -> None:
        clock = ManualClock()
        gate = memory_gate(clock=clock, public_url=URL)
        with TestClient(fastapi_app(gate), base_url=URL) as client:
            visit = Visit(client, gate, clock)
            with client.websocket_connect("/chat") as socket:
                visit.show(socket)
                clock.advance(905)  # before a look: what is read is refused by the route itself
                socket.send_text("who am I?")
                assert code_of(socket) == 4401
