"""WebSockets and server-sent events of the Python client, against uvicorn and a real gate."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from starlette.responses import StreamingResponse

from gatepass.client import AsyncClient, Client, SessionEndedError, UnauthenticatedError
from gatepass.client.errors import ClientError, NotFoundError
from gatepass.client.events import async_events, events
from gatepass.client.live import LiveRefusedError, LiveSocket, sockets
from gatepass.core.claims import Tokens
from gatepass.gate import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal, live_stream, newest_principal
from gatepass.testing import memory_gate
from tools.services.patience import becomes, patience
from tools.services.ports import free_port

PASSWORD = "seven green bottles on a wall"


@dataclass
class Place:
    """A running application, and ann who is signed in with a client of ours."""

    gate: Gatepass
    base: str
    client: AsyncClient
    ended: list[SessionEndedError]
    roles: list[str] = field(default_factory=lambda: ["admin"])
    opened: int = 0
    asked_since: list[str] = field(default_factory=list)
    close_with: list[int] = field(default_factory=list)


@contextlib.asynccontextmanager
async def place() -> AsyncIterator[Place]:
    port = free_port()
    base = f"http://localhost:{port}"

    there: list[Place] = []

    async def claims(*_: Any) -> dict[str, str]:
        return {"role": there[0].roles[-1]}

    gate = memory_gate(public_url=base, tokens=Tokens(claims=claims))
    config = uvicorn.Config(
        application(gate, lambda: there[0]), port=port, host="127.0.0.1", log_level="warning", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    await becomes(lambda: server.started, "the start")
    ended: list[SessionEndedError] = []
    try:
        async with AsyncClient(base, on_ended=ended.append) as client:
            there.append(Place(gate, base, client, ended))
            await client.sign_up("ann@example.com", PASSWORD)
            yield there[0]
    finally:
        server.should_exit = True
        await running


def application(gate: Gatepass, at: Any) -> FastAPI:
    app = FastAPI(lifespan=gate.lifespan)
    app.mount("/auth", gate.asgi)

    @app.websocket("/chat")
    async def chat(socket: WebSocket, principal: CurrentPrincipal) -> None:
        at().opened += 1
        await socket.accept()
        if at().close_with:
            await socket.close(at().close_with.pop(0))
            return
        async for text in socket.iter_text():
            await socket.send_text(f"{newest_principal(socket).claims['role']}: {text}")

    @app.websocket("/shut")
    async def shut(socket: WebSocket) -> None:
        at().opened += 1
        await socket.close()  # a 403 without a word

    @app.get("/news")
    async def news(request: Request, principal: CurrentPrincipal) -> StreamingResponse:
        since = request.headers.get("last-event-id", "")
        at().asked_since.append(since)

        async def two() -> AsyncIterator[str]:
            first = int(since or 0)
            yield f": hello\nretry: 1\nid: {first + 1}\ndata: one\n\n"
            yield f"id: {first + 2}\nevent: note\ndata: a\ndata: b\n\ndata: unfinished"

        return StreamingResponse(live_stream(request, two()), media_type="text/event-stream")

    @app.get("/silence")
    async def silence(request: Request, principal: CurrentPrincipal) -> StreamingResponse:
        async def none() -> AsyncIterator[str]:
            yield "data: first\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(live_stream(request, none()), media_type="text/event-stream")

    @app.get("/nothing")
    async def nothing() -> Response:
        return Response(status_code=204)

    @app.get("/page")
    async def page() -> str:
        return "no events"

    return app


@contextlib.asynccontextmanager
async def first_of(at: Place) -> AsyncIterator[LiveSocket]:
    async with contextlib.aclosing(sockets(at.client, "/chat")) as several, patience():
        yield await anext(several)


async def test_messages_go_both_ways_and_the_guards_own_stay_out() -> None:
    async with place() as at, first_of(at) as socket:
        await socket.send("hello")
        assert await anext(aiter(socket)) == "admin: hello"


async def test_a_token_is_renewed_in_band_when_the_guard_asks() -> None:
    async with place() as at, first_of(at) as socket:
        at.roles.append("guest")
        (account,) = {principal.account_id for principal in _callers(at.gate)}
        await at.gate.refresh_claims(account)
        await socket.send("as whom?")
        assert await anext(aiter(socket)) == "guest: as whom?"
        assert (at.opened, at.gate.live.count) == (1, 1)


async def test_the_end_of_the_session_ends_it_and_tells_the_program_once() -> None:
    async with place() as at:
        heard = 0
        with pytest.raises(SessionEndedError) as over:
            async with patience():
                async for socket in sockets(at.client, "/chat"):
                    heard += 1
                    sid = at.client.session.session_id
                    assert sid is not None
                    await at.gate.sessions.revoke(bytes.fromhex(sid), reason="revoked")
                    assert [message async for message in socket] == []
                    assert socket.code == 4403
        assert (over.value.reason, heard, at.opened) == ("revoked", 1, 1)
        assert (at.client.session.status, len(at.ended)) == ("ended", 1)


async def test_a_sign_out_closes_it_at_once() -> None:
    async with place() as at:
        with pytest.raises(SessionEndedError):
            async with patience():
                async for socket in sockets(at.client, "/chat"):
                    await at.client.sign_out()
                    assert [message async for message in socket] == []
        await becomes(lambda: at.gate.live.count == 0)
        assert at.opened == 1


async def test_a_connection_that_was_lost_is_opened_again() -> None:
    async with place() as at:
        at.close_with += [1012, 4401]
        async with patience():
            async for socket in sockets(at.client, "/chat", max_pause=0.01):
                if at.opened < 3:
                    assert [message async for message in socket] == []
                    continue
                await socket.send("again")
                assert await anext(aiter(socket)) == "admin: again"
                break


async def test_what_is_refused_for_good_is_not_tried_again() -> None:
    async with place() as at:
        at.close_with += [1008]
        with pytest.raises(LiveRefusedError) as refused:
            async with patience():
                async for socket in sockets(at.client, "/chat"):
                    assert [message async for message in socket] == []
        assert (refused.value.code, at.opened) == (1008, 1)


async def test_a_403_without_a_word_is_final_and_the_end_of_the_session_where_it_has_ended() -> None:
    async with place() as at, patience():
        with pytest.raises(LiveRefusedError) as refused:
            await anext(sockets(at.client, "/shut"))
        assert (refused.value.code, at.client.session.status) == (403, "active")
        sid = at.client.session.session_id
        assert sid is not None
        await at.gate.sessions.revoke(bytes.fromhex(sid), reason="revoked")
        with pytest.raises(SessionEndedError) as over:
            await anext(sockets(at.client, "/shut"))
        assert (over.value.reason, at.opened) == ("revoked", 2)


async def test_a_program_that_sends_nothing_any_more_does_not_keep_its_session_alive() -> None:
    async with place() as at, patience():
        at.close_with += [4401]
        opened = [socket async for socket in sockets(at.client, "/chat", idle=-1) if not [m async for m in socket]]
        assert (len(opened), at.opened, at.client.session.status) == (1, 1, "active")


async def test_nobody_opens_one_without_a_session_or_elsewhere() -> None:
    async with place() as at:
        for address in ("ws://evil.example/chat", "http://localhost:1/chat"):
            with pytest.raises(ValueError, match="the token is for"):
                await anext(sockets(at.client, address))
        async with AsyncClient(at.base) as stranger:
            with pytest.raises(SessionEndedError):
                await anext(sockets(stranger, "/chat"))
        assert at.opened == 0


class TestEvents:
    async def test_a_reader_goes_on_behind_the_last_event(self) -> None:
        async with place() as at, patience():
            found = []
            async for event in async_events(at.client, "/news"):
                found.append((event.id, event.event, event.data))
                if len(found) == 4:
                    break
        assert found == [("1", "message", "one"), ("2", "note", "a\nb"), ("3", "message", "one"), ("4", "note", "a\nb")]
        assert at.asked_since == ["", "2"]

    async def test_the_end_of_the_session_ends_the_stream(self) -> None:
        async with place() as at, patience():
            with pytest.raises(SessionEndedError):
                async for event in async_events(at.client, "/silence"):
                    assert event.data == "first"
                    sid = at.client.session.session_id
                    assert sid is not None
                    await at.gate.sessions.revoke(bytes.fromhex(sid), reason="revoked")
            assert len(at.ended) == 1

    async def test_a_sign_out_ends_it_at_once_also_where_no_server_hears_of_it(self) -> None:
        async with place() as at, patience():
            clear = functools.partial(at.client.session.state.clear, status="ended", reason="signed-out")
            with pytest.raises(SessionEndedError) as over:
                async for event in async_events(at.client, "/silence"):
                    assert event.data == "first"
                    asyncio.get_running_loop().call_soon(clear)
            assert over.value.reason == "signed-out"

    async def test_it_never_goes_on_with_the_session_of_another_person(self) -> None:
        async with place() as at, patience():
            with pytest.raises(SessionEndedError):
                async for event in async_events(at.client, "/news"):
                    assert event.id == "1"
                    await at.client.sign_up("bob@example.com", PASSWORD)
            assert at.asked_since == [""]

    async def test_204_ends_it_and_what_is_no_stream_is_said(self) -> None:
        async with place() as at, patience():
            assert [event async for event in async_events(at.client, "/nothing")] == []
            with pytest.raises(ClientError, match="no event stream"):
                await anext(async_events(at.client, "/page"))
            with pytest.raises(NotFoundError):
                await anext(async_events(at.client, "/nowhere"))
            async with AsyncClient(at.base) as stranger:
                with pytest.raises(UnauthenticatedError):
                    await anext(async_events(stranger, "/news"))

    async def test_sync_code_reads_them_too(self) -> None:
        def read(base: str) -> list[str]:
            with Client(base) as client:
                client.sign_in("ann@example.com", PASSWORD)
                reader = events(client, "/news", last_event_id="6")
                found = [next(reader).id for _ in range(3)]
                reader.close()
                return found

        async with place() as at:
            assert await asyncio.to_thread(read, at.base) == ["7", "8", "9"]

    async def test_sync_code_gets_no_event_after_a_sign_out(self) -> None:
        def read(base: str) -> None:
            with Client(base) as client:
                client.sign_in("ann@example.com", PASSWORD)
                for event in events(client, "/news"):
                    assert event.id == "1"
                    client.sign_out()

        async with place() as at:
            with pytest.raises(SessionEndedError):
                await asyncio.to_thread(read, at.base)


def _callers(gate: Gatepass) -> list[Any]:
    return [each.principal for room in gate.live._all() for some in room.by_session.values() for each in some]
