"""Long responses in each framework end with their session, and not before (PROTOCOL §10)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gatepass.wire.wsgi import WSGIApp
from tests.guards import django_project  # configures Django: before all that needs it

# isort: split
import litestar
from django.http import HttpRequest, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from flask import Flask
from litestar.response import Stream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from gatepass import Gatepass
from gatepass.access import asgi, wsgi
from gatepass.guards import django as django_guard
from gatepass.guards import flask as flask_guard
from gatepass.guards import litestar as litestar_guard
from gatepass.guards import starlette as starlette_guard
from gatepass.guards.django.middleware import GatepassMiddleware
from gatepass.wire.asgi import Receive, Scope, Send
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate
from tools.services.patience import becomes, patience


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
