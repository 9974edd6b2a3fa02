"""What clients of HTTP/1.0 and proxies get, which read a response by other rules than a client of HTTP/1.1."""

import asyncio

import pytest

from gatepass.server.http import Reply
from gatepass.serving.http_protocol import sweep
from gatepass.wire.asgi import Receive, Scope, Send
from tests.serving.test_exchange import GET, POST, Connection, answering, body, head, length, settled
from tests.serving.world import serving
from tools.services.patience import patience

OLD_GET = b"GET / HTTP/1.0\r\n\r\n"


async def test_a_body_without_a_length_ends_with_the_connection_for_a_client_that_knows_no_chunks() -> None:
    """RFC 9112 §6.1."""
    connection = Connection(answering(head(), body(b"one", more=True), body(b"more")))
    assert await connection.give(OLD_GET) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonemore"
    assert connection.socket.is_closed


async def test_chunks_that_an_application_announces_to_such_a_client_are_not_announced() -> None:
    app = answering(head(headers=[(b"Transfer-Encoding", b"chunked")]), body(b"one"))
    assert await Connection(app).give(OLD_GET) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none"


async def test_a_stream_to_such_a_client_ends_when_the_server_stops() -> None:
    left = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await send(body(b"event", more=True))
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    connection = Connection(app)
    await connection.give(OLD_GET)
    connection.protocol._drain()
    await settled()
    assert left.is_set()
    assert connection.socket.is_closed
    assert connection.socket.got.endswith(b"\r\n\r\nevent")


async def test_a_client_of_before_the_100_is_sent_none() -> None:
    """RFC 9110 §10.1.1."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Reply(200, (await receive())["body"]).send(send)

    asked = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert (await Connection(app).give(asked, b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_response_in_place_of_the_100_is_the_last_one() -> None:
    """The client may send the body or not, so nobody could tell where the next request begins."""
    asked = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") % 36
    connection = Connection(answering(head(403, length(0)), body(b"")))
    raw = await connection.give(asked)
    assert b"\r\nconnection: close\r\n" in raw
    await connection.give(GET)
    assert connection.socket.got.count(b"HTTP/1.1") == 1


async def test_the_length_in_a_304_is_that_of_another_response() -> None:
    """RFC 9110 §8.6."""
    connection = Connection(answering(head(304, length(9)), body(b"")))
    assert await connection.give(GET) == b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"
    assert not connection.socket.is_closed


@pytest.mark.parametrize("address", [b"http://localhost", b"http://localhost?a=b"])
async def test_an_absolute_address_without_a_path_is_that_of_the_root(address: bytes) -> None:
    """RFC 9112 §3.2.2."""
    asked: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["path"], scope["raw_path"]))
        await Reply(204).send(send)

    await Connection(app).give(GET.replace(b"/ ", address + b" ", 1))
    assert asked == [("/", b"/")]


async def test_a_tunnel_is_refused() -> None:
    raw = await Connection(answering(head(204), body(b""))).give(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400 ")


class TestAResponseBeforeTheBodyHasCome:
    """A socket that is closed with bytes unread resets the connection, and the response may be lost (RFC 9112 §9.6)."""

    BODY = bytes(20_000_000)

    async def test_a_client_that_sends_all_before_it_reads_can_send_all_and_reads_the_refusal(self) -> None:
        long = GET.replace(b"/ ", b"/%s " % (b"x" * 9000), 1)
        async with serving() as world:
            raw = await world.say(long.replace(b"\r\n\r\n", b"\r\nContent-Length: 20000000\r\n\r\n"), self.BODY)
            assert (raw[9:12], raw.count(b"HTTP/1.1")) == (b"414", 1)

    async def test_so_can_one_whose_connection_ends_with_the_response(self) -> None:
        async with serving() as world:
            world.reads_body = False
            asked = POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % len(self.BODY)
            raw = await world.say(asked, self.BODY)
            assert (raw[9:12], raw.count(b"HTTP/1.1")) == (b"200", 1)

    async def test_what_comes_then_is_thrown_away_and_not_for_ever(self) -> None:
        async with serving() as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + GET)
            async with patience():
                raw = await reader.read()
            assert (raw[9:12], world.asked) == (b"400", [])
            async with patience():
                while world.state.connections:
                    await asyncio.sleep(0.01)
            writer.close()

    async def test_a_client_that_still_sends_when_its_time_is_over_reads_that_and_is_not_reset(self) -> None:
        async with serving() as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
            async with patience():
                while not (world.state.connections and world.connection()._has_begun):
                    await asyncio.sleep(0)
            sweep(world.state.connections, now=asyncio.get_running_loop().time() + 100, timeout=20)
            async with patience():
                assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 408 ")
                for _ in range(3):  # to a socket that is closed, the first is answered with a reset
                    writer.write(b"a")
                    await writer.drain()
                    await asyncio.sleep(0.01)
                assert await reader.read() == b""
            writer.close()
