"""The socket of `gatepass.client.live` as users of `websockets` expect it, and where its token may go."""

import asyncio
import contextlib
import json
import pickle
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from gatepass.client import AsyncClient
from gatepass.client.live import LiveRefusedError, LiveSocket, sockets
from tests.client.fake_api import Api, signed_in
from tools.services.patience import patience


@dataclass
class Place:
    """A server of WebSockets, and what it has seen. `answer` may answer a handshake in the place of a socket."""

    base: str = ""
    asked: list[Request] = field(default_factory=list)
    closed: list[tuple[int | None, str | None]] = field(default_factory=list)
    status: int = 101
    location: str = ""
    hello: tuple[str | bytes, ...] = ()


@contextlib.asynccontextmanager
async def place(**facts: Any) -> AsyncIterator[Place]:
    at = Place(**facts)

    def first(connection: ServerConnection, request: Request) -> Response | None:
        at.asked.append(request)
        if at.status == 101 or request.path == "/moved":
            return None
        answer = connection.respond(HTTPStatus(at.status), "")
        if at.location:
            answer.headers["Location"] = at.location
        return answer

    async def talk(connection: ServerConnection) -> None:
        for message in at.hello:
            await connection.send(message)
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)
        at.closed.append((connection.close_code, connection.close_reason))

    def choose(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    async with serve(talk, "127.0.0.1", 0, process_request=first, select_subprotocol=choose) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        at.base = f"http://127.0.0.1:{port}"
        yield at


@contextlib.asynccontextmanager
async def client_of(at: Place) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(at.base, transport=Api(), storage=signed_in()) as client, patience():
        yield client


@contextlib.asynccontextmanager
async def first_of(at: Place, **options: Any) -> AsyncIterator[LiveSocket]:
    async with client_of(at) as client, contextlib.aclosing(sockets(client, "/chat", **options)) as several:
        yield await anext(several)


GUARD = json.dumps({"type": "gatepass", "session_id": "ab" * 16, "expires_in": 900})


async def test_recv_returns_one_message_of_the_application_and_passes_over_those_of_the_guard() -> None:
    async with place(hello=(GUARD, "one", GUARD, b"two")) as at, first_of(at) as socket:
        assert await socket.recv() == "one"
        assert await socket.recv() == b"two"
        await socket.send("three")
        assert await socket.recv() == "three"


async def test_recv_and_async_for_take_turns() -> None:
    async with place(hello=("one", "two")) as at, first_of(at) as socket:
        assert await socket.recv() == "one"
        assert await anext(aiter(socket)) == "two"


async def test_recv_that_was_given_up_loses_no_message() -> None:
    async with place() as at, first_of(at) as socket:
        waiting = asyncio.create_task(socket.recv())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await socket.send("kept")
        assert await socket.recv() == "kept"


async def test_recv_raises_what_websockets_raises_and_code_says_why() -> None:
    async with place() as at, first_of(at) as socket:
        await socket.close(4000, "enough")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.code, socket.reason) == (4000, "enough")
    assert at.closed == [(4000, "enough")]


async def test_close_without_a_code_is_a_usual_end() -> None:
    async with place() as at, first_of(at) as socket:
        await socket.close()
        with pytest.raises(ConnectionClosedOK):
            await socket.recv()
    assert at.closed == [(1000, "")]


async def test_the_protocol_that_the_server_has_chosen_is_there() -> None:
    async with place() as at, first_of(at, subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"


@pytest.mark.parametrize("given", [None, {"X-Own": "1"}, [("X-Own", "1")], Headers({"X-Own": "1"})])
async def test_further_headers_are_given_as_to_websockets(given: Any) -> None:
    async with place() as at, first_of(at, additional_headers=given):
        (asked,) = at.asked
        assert asked.headers["Authorization"] == "Bearer ey.0"
        assert asked.headers.get("X-Own") == (None if given is None else "1")


async def test_no_redirect_leads_a_socket_and_its_later_tokens_to_another_origin() -> None:
    async with place() as other, place(status=302, location=other.base.replace("http", "ws")) as at:
        async with client_of(at) as client:
            with pytest.raises(LiveRefusedError) as refused:
                await anext(sockets(client, "/chat"))
        assert (refused.value.code, len(at.asked), other.asked) == (302, 1, [])


async def test_a_redirect_within_the_origin_is_followed() -> None:
    async with place(status=308, location="/moved") as at, first_of(at) as socket:
        await socket.send("here")
        assert await socket.recv() == "here"
        assert at.asked[-1].headers["Authorization"] == "Bearer ey.0"


@pytest.mark.parametrize("status", [200, 400, 404, 410, 426])
async def test_a_wrong_address_is_said_and_not_tried_for_ever(status: int) -> None:
    async with place(status=status) as at, client_of(at) as client:
        with pytest.raises(LiveRefusedError) as refused:
            await anext(sockets(client, "/chat"))
        assert (refused.value.code, len(at.asked)) == (status, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with place(status=status) as at, client_of(at) as client:
        several = sockets(client, "/chat", max_pause=0.001)
        waiting = asyncio.ensure_future(anext(several))
        while len(at.asked) < 3:
            assert not waiting.done()
            await asyncio.sleep(0.01)
        at.status = 101
        socket = await waiting
        await socket.send("at last")
        assert await socket.recv() == "at last"
        await several.aclose()


def test_its_refusal_survives_pickle() -> None:
    error = pickle.loads(pickle.dumps(LiveRefusedError(1008, "no")))
    assert (str(error), error.code, error.reason) == ("The WebSocket was refused: 1008 no", 1008, "no")
