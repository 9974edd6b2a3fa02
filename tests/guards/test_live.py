"""WebSockets and long responses in each framework's idiom, with that framework's own test client (PROTOCOL §10)."""

import asyncio
import json
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from gatepass.wire.wsgi import WSGIApp
from tests.guards import django_project  # configures Django: before all that needs it

# channels.testing imports a server with all of Twisted, for another of its classes.
sys.modules.setdefault("daphne.testing", types.SimpleNamespace(DaphneProcess=None))  # type: ignore[arg-type]

# isort: split
# ruff: noqa: E402
import litestar
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.http import HttpRequest, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from fastapi import FastAPI, WebSocket
from flask import Flask
from litestar.response import Stream
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession

from gatepass import Gatepass, Principal
from gatepass.access import asgi, wsgi
from gatepass.guards import django as django_guard
from gatepass.guards import fastapi as fastapi_guard
from gatepass.guards import flask as flask_guard
from gatepass.guards import litestar as litestar_guard
from gatepass.guards import starlette as starlette_guard
from gatepass.guards.django import channels as channels_guard
from gatepass.guards.django.middleware import GatepassMiddleware
from gatepass.testing import memory_gate
from gatepass.testing.clock import ManualClock
from gatepass.wire.asgi import Receive, Scope, Send
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate
from tools.services.patience import becomes, patience, until

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


class Chat(AsyncWebsocketConsumer):
    """Says whose session it is, and how it ended."""

    codes: list[int] = []  # noqa: RUF012

    async def connect(self) -> None:
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        newest = channels_guard.current_principal(self.scope)
        await self.send(text_data=f"{self.scope['principal'].session_id} {newest.session_id}")

    async def disconnect(self, code: int) -> None:
        self.codes.append(code)


class TestChannels:
    @pytest.fixture
    async def at(self) -> AsyncIterator[GateHarness]:
        async with open_gate() as at:
            django_project.use(at.gate)
            yield at

    async def test_a_consumer_knows_its_caller_and_is_closed_with_the_session(self, at: GateHarness) -> None:
        ann = Browser(at.gate.asgi)
        await ann.register()
        inside = channels_guard.LiveGuard(Chat.as_asgi())
        with_header = WebsocketCommunicator(inside, "/chat", headers=[(b"authorization", ann.bearer[1].encode())])
        by_message = WebsocketCommunicator(inside, "/chat", headers=[(b"origin", ORIGIN.encode())])
        by_protocol = WebsocketCommunicator(inside, "/chat", subprotocols=["gatepass", ann.access_token])
        for socket in (with_header, by_message, by_protocol):
            assert (await socket.connect(timeout=60))[0] is True
        await by_message.send_to(text_data=json.dumps({"type": "gatepass", "access_token": ann.access_token}))
        assert json.loads(await by_message.receive_from(timeout=60))["session_id"] == ann.sid
        for socket in (with_header, by_message, by_protocol):
            await socket.send_to(text_data="who am I?")
            assert await socket.receive_from(timeout=60) == f"{ann.sid} {ann.sid}"
        await ann.logout()
        for socket in (with_header, by_message, by_protocol):
            assert (await socket.receive_output(timeout=60))["code"] == 4403
            await socket.wait(timeout=60)
        assert Chat.codes == [4403] * 3

    async def test_a_missing_scope_and_a_page_of_elsewhere_do_not_reach_the_consumer(self, at: GateHarness) -> None:
        ann = Browser(at.gate.asgi)
        await ann.register()
        bearer = (b"authorization", ann.bearer[1].encode())
        for guard, headers in (
            (channels_guard.LiveGuard(Chat.as_asgi(), "chat"), [bearer]),
            (channels_guard.LiveGuard(Chat.as_asgi()), [bearer, (b"origin", b"https://evil.example")]),
        ):
            socket = WebsocketCommunicator(guard, "/chat", headers=headers)
            assert (await socket.connect(timeout=60))[0] is False


class Feed:
    """Server-sent events without end, and how their making ended."""

    def __init__(self) -> None:
        self.made = 0
        self.ended = 0
        self.silent = asyncio.Event()

    async def events(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self.made += 1
                yield b"data: %d\n\n" % self.made
                await self.silent.wait()
        finally:
            self.ended += 1

    def plain(self) -> Iterator[bytes]:
        try:
            while True:
                self.made += 1
                yield b"data: %d\n\n" % self.made
        finally:
            self.ended += 1


class Response:
    """A response of an ASGI application that is still being sent."""

    def __init__(self, app: Any, headers: list[tuple[str, str]]) -> None:
        self.sent: list[Any] = []
        raw = [(name.encode(), value.encode()) for name, value in headers]
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/feed", "raw_path": b"/feed", "headers": raw}
        scope |= {"query_string": b"", "root_path": "", "scheme": "https", "http_version": "1.1", "state": {}}
        scope |= {"asgi": {"version": "3.0"}, "client": ("203.0.113.9", 1), "server": ("example.com", 443)}
        self.task = asyncio.create_task(app(scope, self._receive, self._send))
        self._is_asked = False
        self.is_sent = asyncio.Event()

    async def _receive(self) -> Any:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.is_sent.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.is_sent.set()

    async def first(self) -> None:
        await becomes(lambda: any(each.get("body") for each in self.sent), "the first event")

    async def end(self) -> None:
        async with patience():
            await self.task
        assert self.sent[-1].get("more_body", False) is False


def streams(feed: Feed, gate: Gatepass) -> dict[str, Any]:
    """An endless response by each framework that is ASGI."""

    async def by_starlette(request: Request) -> StreamingResponse:
        return StreamingResponse(starlette_guard.live_stream(request, feed.events()), media_type="text/event-stream")

    @litestar.get("/feed")
    async def by_litestar(request: litestar.Request[Any, Any, Any]) -> Stream:
        return Stream(litestar_guard.live_stream(request, feed.events()))

    async def by_hand(scope: Scope, receive: Receive, send: Send) -> None:
        chunks = asgi.live_stream(scope, feed.events())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return {
        "starlette": gate.guard(Starlette(routes=[Route("/feed", by_starlette)])),
        "asgi": gate.guard(by_hand),
        "litestar": litestar.Litestar([by_litestar], plugins=[litestar_guard.GatepassPlugin(gate, auth=None)]),
    }


class TestLongResponses:
    @pytest.mark.parametrize("name", ["starlette", "asgi"])
    async def test_one_ends_with_its_session_where_it_waits_and_cleans_up(self, name: str) -> None:
        async with open_gate() as at:
            ann, feed = Browser(at.gate.asgi), Feed()
            await ann.register()
            response = Response(streams(feed, at.gate)[name], [ann.bearer])
            await response.first()
            assert (at.gate.live.count, feed.ended) == (1, 0)
            await ann.logout()
            await response.end()
            assert (at.gate.live.count, feed.ended, feed.made) == (0, 1, 1)

    async def test_litestar_does_the_same(self) -> None:
        from tests.support.lifespan import started

        at, feed = GateHarness(), Feed()
        async with started(streams(feed, at.gate)["litestar"]) as app:
            ann = Browser(at.gate.asgi)
            await ann.register()
            response = Response(app, [ann.bearer])
            await response.first()
            await ann.logout()
            await response.end()
            assert (at.gate.live.count, feed.ended) == (0, 1)

    async def test_one_ends_when_its_token_runs_out_or_is_stale(self) -> None:
        for change in ("time", "claims"):
            async with open_gate() as at:
                ann, feed = Browser(at.gate.asgi), Feed()
                await ann.register()
                response = Response(streams(feed, at.gate)["asgi"], [ann.bearer])
                await response.first()
                await ann.refresh()  # ends nothing
                at.gate.live.look()
                assert at.gate.live.count == 1
                if change == "time":
                    at.clock.advance(905)
                    at.gate.live.look()
                else:
                    account = at.gate.check.principal([ann.bearer[1]]).account_id
                    await at.gate.refresh_claims(account)
                await response.end()
                assert feed.ended == 1

    async def test_without_a_token_it_does_not_begin(self) -> None:
        async with open_gate() as at:
            feed = Feed()
            response = Response(streams(feed, at.gate)["starlette"], [])
            await response.task
            assert (response.sent[0]["status"], feed.made) == (401, 0)

    async def test_an_error_of_what_makes_it_passes(self) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"one"
            raise TimeoutError("of the application")

        async with open_gate() as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            principal = at.gate.check.principal([ann.bearer[1]])
            from gatepass.access.live_stream import until_over

            with pytest.raises(TimeoutError, match="of the application"):
                async for _ in until_over(broken(), principal, live=at.gate.live):
                    pass
            assert at.gate.live.count == 0

    async def test_what_makes_it_is_closed_also_where_it_is_an_iterable(self) -> None:
        closed: list[bool] = []

        class Rows:
            async def __aiter__(self) -> AsyncIterator[bytes]:
                try:
                    yield b"one"
                    yield b"two"
                finally:
                    closed.append(True)

        async with open_gate() as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            from gatepass.access.live_stream import until_over

            chunks = until_over(Rows(), at.gate.check.principal([ann.bearer[1]]), live=at.gate.live)
            assert await anext(chunks) == b"one"
            await chunks.aclose()  # type: ignore[attr-defined]
            assert closed == [True]

    async def test_in_wsgi_and_flask_it_ends_before_the_next_chunk(self) -> None:
        async with open_gate() as at:
            ann, feed = Browser(at.gate.asgi), Feed()
            await ann.register()

            def plain(environ: Any, start_response: Any) -> Iterator[bytes]:
                chunks = wsgi.live_stream(environ, feed.plain())
                start_response("200 OK", [])
                return chunks

            flask = Flask("feed")
            flask_guard.GatepassFlask(flask, at.gate, auth=None)

            @flask.get("/feed")
            def view() -> Any:
                return flask_guard.live_stream(feed.plain())

            apps: list[WSGIApp] = [at.gate.guard_wsgi(plain), flask.wsgi_app]
            for app in apps:
                chunks = iter(app(_environ(ann), lambda *_: None))
                assert next(chunks).startswith(b"data: ")
                assert next(chunks).startswith(b"data: ")
                at.clock.advance(905)
                assert list(chunks) == []
                at.clock.advance(-905)
            assert feed.ended == 2

    async def test_django_ends_one_of_each_kind(self) -> None:
        async with open_gate() as at:
            django_project.use(at.gate)
            ann, feed = Browser(at.gate.asgi), Feed()
            await ann.register()
            headers = {"Authorization": ann.bearer[1]}

            async def asynchronous(request: HttpRequest) -> StreamingHttpResponse:
                return StreamingHttpResponse(django_guard.live_stream(request, feed.events()))

            def plain(request: HttpRequest) -> StreamingHttpResponse:
                return StreamingHttpResponse(django_guard.live_stream(request, feed.plain()))

            one = await GatepassMiddleware(asynchronous)(AsyncRequestFactory().get("/feed", headers=headers))
            other = GatepassMiddleware(plain)(RequestFactory().get("/feed", headers=headers))
            chunks, plain_chunks = aiter(one.streaming_content), iter(other.streaming_content)
            assert await anext(chunks) == b"data: 1\n\n"
            assert next(plain_chunks) == b"data: 2\n\n"
            waiting = asyncio.ensure_future(anext(chunks, None))
            await ann.logout()
            async with patience():
                assert await waiting is None
            assert list(plain_chunks) == []
            assert feed.ended == 2


def _environ(ann: Browser) -> Any:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/feed",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": __import__("io").BytesIO(b""),
        "wsgi.errors": __import__("sys").stderr,
        "HTTP_AUTHORIZATION": ann.bearer[1],
    }
