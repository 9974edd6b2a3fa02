"""One connection, as others speak HTTP: upgrades, pipelines, Hosts, and clients that do not read."""

import asyncio

import pytest

from gatepass.serving.http_protocol import MAX_PIPELINED, sweep
from tests.serving.world import GET, World, paths, problem, serving
from tools.services.patience import patience

LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

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
