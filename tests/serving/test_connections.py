"""One connection, as others speak HTTP: upgrades, pipelines, Hosts, clients that do not read, and too many of them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvicorn
from uvicorn.server import ServerState

from gatepass.serving.admission import MAX_REFUSED, NETWORK_SHARE, Admission
from gatepass.serving.http_protocol import DRAIN_GRACE, MAX_PIPELINED, HttpProtocol, sweep
from gatepass.wire.address import Proxies
from gatepass.wire.asgi import Receive, Scope, Send
from tools.services.patience import patience

GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class World:
    """An application that answers with the path, behind a real socket; `gate` holds back the answer to /slow."""

    port: int = 0
    state: ServerState = field(default_factory=ServerState)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The application has heard that the reader of its events is gone."""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str], bytes] = lambda path: path.encode()
    reads_body: bool = True

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.asked.append(path)
        while self.reads_body and (await receive()).get("more_body"):
            pass
        if path == "/slow":
            await self.gate.wait()
        if path == "/events":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"event", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return
        body = self.answer(path)
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def say(self, *pieces: bytes, then: Callable[[], Awaitable[object]] | None = None) -> bytes:
        """All that comes back until the connection is closed. `then` runs after the pieces."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if then is not None:
                await then()
            async with patience():
                return await reader.read()
        finally:
            writer.close()

    async def until_asked(self, count: int) -> None:
        async with patience():
            while len(self.asked) < count:
                await asyncio.sleep(0)

    def connection(self) -> HttpProtocol:
        (only,) = self.state.connections
        assert isinstance(only, HttpProtocol)
        return only


@contextlib.asynccontextmanager
async def serving(admission: Admission | None = None, *, server_host: str = "127.0.0.1") -> AsyncIterator[World]:
    world = World()
    protocol = type("Protocol", (HttpProtocol,), {"admission": admission or Admission(1000)})
    config = uvicorn.Config(
        world.app, interface="asgi3", http=protocol, ws="none", lifespan="off", log_config=None, proxy_headers=False
    )
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, world.state, {}, loop), server_host, 0)
    world.port = server.sockets[0].getsockname()[1]
    try:
        yield world
    finally:
        world.gate.set()
        server.close()
        for connection in list(world.state.connections):
            connection.transport.abort()


def paths(raw: bytes) -> list[str]:
    """The bodies of the answers that are paths, in order."""
    return [part.partition(b"HTTP/1.1")[0].decode() for part in raw.split(b"\r\n\r\n")[1:]]


UPGRADES = {
    "websocket": b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "h2c": b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "TLS": b"Upgrade: TLS/1.2\r\nConnection: upgrade\r\n",
}


@pytest.mark.parametrize("name", UPGRADES)
async def test_a_request_with_an_upgrade_is_answered_and_so_are_those_after_it(name: str) -> None:
    head = b" HTTP/1.1\r\nHost: localhost\r\n" + UPGRADES[name]
    with_body = b"POST /b" + head + b"Content-Length: 5\r\n\r\nhello"
    async with serving() as world:
        assert paths(await world.say(b"GET /a" + head + b"\r\n", LAST)) == ["/a", "/last"]
        assert paths(await world.say(with_body + b"GET /c" + head + b"\r\n" + LAST)) == ["/b", "/c", "/last"]


async def test_a_bad_second_request_takes_no_answer_from_the_first() -> None:
    for bad in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", GET % (b"x" * 9000)):
        async with serving() as world:
            slow = asyncio.ensure_future(world.say(GET % b"slow" + bad))
            await world.until_asked(1)
            world.gate.set()
            raw = await slow
            assert raw.startswith(b"HTTP/1.1 200 OK")
            assert raw.count(b"HTTP/1.1 4") == 1, raw
            assert world.asked == ["/slow"]


async def test_nothing_after_a_refused_request_reaches_the_application() -> None:
    async with serving() as world:
        raw = await world.say(b"GET /a HTTP/1.1\r\n\r\n" + GET % b"b", GET % b"c")
        assert (raw.count(b"HTTP/1.1"), raw[:12], world.asked) == (1, b"HTTP/1.1 400", [])


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        (b"GET / HTTP/1.0\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 200),
    ],
)
async def test_a_request_has_one_host(head: bytes, status: int) -> None:
    async with serving() as world:
        raw = await world.say(head + b"\r\n")
        assert int(raw[9:12]) == status
        if status == 400:
            assert problem(raw)["code"] == "malformed-request"


async def test_of_a_long_pipeline_so_many_are_answered_and_then_the_connection_ends() -> None:
    async with serving() as world:
        slow = asyncio.ensure_future(world.say(GET % b"slow" + (GET % b"x") * 200))
        await world.until_asked(1)
        assert len(world.connection().pipeline) == MAX_PIPELINED
        world.gate.set()
        assert paths(await slow) == ["/slow", *["/x"] * MAX_PIPELINED]


async def test_a_slow_head_after_a_request_under_way_is_given_up_after_its_answer() -> None:
    async with serving() as world:
        slow = asyncio.ensure_future(world.say(GET % b"slow" + b"GET /b HTTP/1.1\r\n"))
        await world.until_asked(1)
        sweep([world.connection()], now=asyncio.get_running_loop().time() + 100, timeout=20)
        world.gate.set()
        raw = await slow
        assert [raw[9:12], raw.count(b"HTTP/1.1 408")] == [b"200", 1]


class TestClientsThatDoNotRead:
    """What they have asked for is larger than the buffers of two sockets."""

    @staticmethod
    async def deaf(world: World) -> asyncio.StreamWriter:
        world.answer = lambda path: b"x" * 30_000_000
        _, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
        writer.write(GET % b"large")
        await world.until_asked(1)
        async with patience():
            while not world.connection().transport.get_write_buffer_size():
                await asyncio.sleep(0)
        return writer

    async def test_a_connection_whose_client_takes_nothing_is_aborted(self) -> None:
        async with serving() as world:
            writer = await self.deaf(world)
            await settled(world)
            assert sweep([world.connection()], now=1000, timeout=20) == (0, 0), "the first look begins the time"
            assert sweep([world.connection()], now=1019, timeout=20) == (0, 0)
            assert sweep([world.connection()], now=1020, timeout=20) == (0, 1)
            async with patience():
                while world.state.connections:
                    await asyncio.sleep(0)
            writer.transport.abort()

    async def test_so_is_one_that_is_closing_already(self) -> None:
        async with serving() as world:
            writer = await self.deaf(world)
            await settled(world)
            connection = world.connection()
            connection.transport.close()
            sweep([connection], now=1000, timeout=20)
            assert sweep([connection], now=1020, timeout=20) == (0, 1)
            async with patience():
                while world.state.connections:
                    await asyncio.sleep(0)
            writer.transport.abort()

    async def test_one_that_takes_a_little_is_waited_for(self) -> None:
        async with serving() as world:
            writer = await self.deaf(world)
            await settled(world)
            connection = world.connection()
            sweep([connection], now=1000, timeout=20)
            connection._taken -= 1  # as if it had taken one more byte since
            assert sweep([connection], now=1020, timeout=20) == (0, 0)
            writer.transport.abort()


async def settled(world: World) -> None:
    """Until the kernel takes no more of the answer."""
    size, unchanged = -1, 0
    while unchanged < 200:
        now = world.connection().transport.get_write_buffer_size()
        size, unchanged = now, unchanged + 1 if now == size else 0
        await asyncio.sleep(0.001)


class TestAdmission:
    def test_one_network_has_a_share_and_unknown_ones_have_none_in_common(self) -> None:
        admission = Admission(10 * NETWORK_SHARE, Proxies.parse(["192.0.2.1"]))
        assert [admission.enter(f"198.51.100.{n}")[1] for n in range(11)] == [0] * 10 + [1]
        assert admission.enter("203.0.113.1") == ("203.0.113.0/24", 0)
        for peer in ("192.0.2.1", "10.0.0.1", "127.0.0.1", None):
            assert [admission.enter(peer) for _ in range(12)] == [(None, 0)] * 12

    def test_who_leaves_makes_room(self) -> None:
        admission = Admission(NETWORK_SHARE)
        network, excess = admission.enter("198.51.100.1")
        assert (admission.enter("198.51.100.2")[1], excess) == (1, 0)
        admission.leave(network)
        admission.leave(network)
        assert (admission.open, dict(admission.by_network)) == (0, {})

    async def test_beyond_the_number_the_answer_is_a_problem_with_a_time_to_wait(self) -> None:
        async with serving(Admission(1)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"first")
            await reader.readuntil(b"/first")
            raw = await world.say(GET % b"second")
            assert raw.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in raw
            assert (problem(raw)["code"], problem(raw)["retry_after"]) == ("overloaded", 1)
            writer.write(GET % b"again")
            await reader.readuntil(b"/again")
            writer.close()

    async def test_far_beyond_it_a_connection_is_closed_unheard(self) -> None:
        async with serving(Admission(1)) as world:
            opened = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(1 + MAX_REFUSED)]
            with contextlib.suppress(ConnectionError):
                assert await world.say(GET % b"x") == b""
            assert len(world.state.connections) == 1 + MAX_REFUSED
            for _, writer in opened:
                writer.close()


class TestDraining:
    """The server stops: `Connection: close` says which response is the last one."""

    async def test_the_response_under_way_is_announced_as_the_last_and_so_is_one_that_comes_then(self) -> None:
        for is_under_way in (True, False):
            admission = Admission(10)
            async with serving(admission) as world:
                reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
                writer.write(GET % b"first")
                await reader.readuntil(b"/first")
                if is_under_way:
                    writer.write(GET % b"slow")
                    await world.until_asked(2)
                admission.is_draining = True
                world.connection().shutdown()
                if not is_under_way:
                    writer.write(GET % b"slow")
                world.gate.set()
                async with patience():
                    raw = await reader.read()
                assert (paths(raw), raw.count(b"\r\nconnection: close\r\n")) == (["/slow"], 1)
                writer.close()

    async def test_an_idle_connection_is_closed_after_the_grace_and_not_before(self) -> None:
        async with serving(Admission(10)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"first")
            await reader.readuntil(b"/first")
            connection = world.connection()
            due: list[tuple[float, Callable[[], None]]] = []
            connection.loop = Later(due)  # type: ignore[assignment]
            connection.shutdown()
            ((seconds, drain),) = due
            assert (seconds, connection.transport.is_closing()) == (DRAIN_GRACE, False)
            drain()
            async with patience():
                assert await reader.read() == b""
            writer.close()

    async def test_a_stream_of_events_is_ended_after_the_grace_with_its_last_chunk(self) -> None:
        async with serving(Admission(10)) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(GET % b"events")
            await reader.readuntil(b"event\r\n")
            connection = world.connection()
            connection._drain()
            async with patience():
                assert await reader.read() == b"0\r\n\r\n"
                await world.left.wait()
            writer.close()


class Later:
    """A loop that notes what is to be called later."""

    def __init__(self, due: list[tuple[float, Callable[[], None]]]) -> None:
        self._due = due

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._due.append((seconds, call))


def problem(raw: bytes) -> dict[str, object]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document: dict[str, object] = json.loads(body)
    return document
