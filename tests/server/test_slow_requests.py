"""A real server against clients that send slowly or too much: answered once, closed, nobody else notices (TR-06)."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from gatepass.server.protocol import MAX_FIELDS, MAX_HEAD, MAX_URL
from tests.support.gates import SECRET
from tests.support.process import Serving, serving

pytestmark = pytest.mark.slow

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nGatepass-Client: 1\r\nContent-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`gatepass serve` with a second's patience."""
    settings = {"SECRET": SECRET, "STORE": "memory://", "SLOW_REQUEST": "1s", "CONNECTIONS": "20"}
    with serving(tmp_path_factory.mktemp("slow"), settings) as running:
        yield running


async def said(server: Serving, *pieces: bytes) -> bytes:
    """All that the server says to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        with contextlib.suppress(ConnectionError):  # it may close before it has read everything
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def answers(server: Serving) -> bool:
    """Whether the server answers a plain request, on a connection that stays open."""
    return b"200 OK" in await said(server, GET + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("sent", [GET, GET + b"X-Slow: a", HEAD])
async def test_a_head_that_does_not_end_is_answered_with_408_and_closed(server: Serving, sent: bytes) -> None:
    answer = await said(server, sent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request-timeout"' in answer
    assert await answers(server)


async def test_a_connection_that_never_says_anything_is_closed_without_a_word(server: Serving) -> None:
    """A 408 could cross with its first request, and be taken for the answer to that."""
    assert await said(server) == b""
    assert await answers(server)


async def test_a_head_that_trickles_is_no_longer_waited_for(server: Serving) -> None:
    """Each byte is on time; the head as a whole is not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(10):
        writer.write(GET + b"X-Slow: ")
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"a")
            await asyncio.wait([answer], timeout=0.1)
    assert (await answer).startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_end_is_answered_with_408_and_closed(server: Serving, framing: bytes) -> None:
    answer = await said(server, HEAD + framing + b"\r\n\r\n", b"5\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request-timeout"' in answer
    assert answer.count(b"HTTP/1.1") == 1, "one answer"


async def test_a_connection_that_idles_between_requests_is_no_slow_one(server: Serving) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for _ in range(2):
        writer.write(GET + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        assert (await said(server, GET)).startswith(b"HTTP/1.1 408 "), "so much time has passed, or more"
    writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * MAX_URL + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (GET + b"X-Many: 1\r\n" * MAX_FIELDS + b"\r\n", 431),
        (GET + b"Cookie: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (GET + b"X-Endless: " + b"a" * (MAX_HEAD + 1), 431),
        (GET + (b"X-Half: " + b"a" * 33_000 + b"\r\n") * 2 + b"\r\n", 431),
        (b"GET /" + b"a" * (MAX_HEAD + 100), 431),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused_once_and_closed(server: Serving, sent: bytes, status: int) -> None:
    answer = await said(server, sent)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1
    assert b"application/problem+json" in answer
    assert await answers(server)


async def test_a_large_body_of_a_small_head_is_not_taken_for_a_large_head(server: Serving) -> None:
    """Both come in one piece of the stream."""
    body = b"x" * 200_000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HEAD + b"Content-Length: 200000\r\n\r\n" + body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_beyond_the_number_of_connections_there_is_a_quick_no(server: Serving) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
    assert (await said(server, GET + b"\r\n")).startswith(b"HTTP/1.1 503 ")
    for reader, writer in idle:
        assert await reader.read() == b""
        writer.close()
    assert await answers(server), "and there is room again"


async def test_framing_that_two_readers_could_read_in_two_ways_is_refused(server: Serving) -> None:
    for sent in (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
    ):
        assert (await said(server, sent)).startswith(b"HTTP/1.1 400 "), sent
    assert await answers(server)
