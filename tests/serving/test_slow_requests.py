"""A real server and clients that send slowly or too much: one response, then closed; others do not notice (TR-06)."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from gatepass.serving.http_protocol import MAX_FIELDS, MAX_HEAD, MAX_URL
from tests.support.gates import SECRET
from tests.support.process import Serving, serving
from tools.services.patience import patience

pytestmark = pytest.mark.slow

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nGatepass-Client: 1\r\nContent-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


FEW = {"SECRET": SECRET, "STORE": "memory://", "CONNECTIONS": "20"}
HEADS = {"no field": GET, "half a field": GET + b"X-Slow: a", "a field": HEAD}
BODIES = {
    "none of it": HEAD + b"Content-Length: 100\r\n\r\n",
    "some of it": HEAD + b"Content-Length: 100\r\n\r\n5\r\n",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
}
LATE = {**HEADS, **BODIES}
"""The beginning of requests that are never completed."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`gatepass serve`, which waits for a slow request longer than any of these tests takes."""
    with serving(tmp_path_factory.mktemp("calm"), {**FEW, "SLOW_REQUEST": "1h"}) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The same, but it waits a few seconds: far longer than an honest request takes on a busy machine."""
    with serving(tmp_path_factory.mktemp("impatient"), {**FEW, "SLOW_REQUEST": "4s"}) as running:
        yield running


@pytest.fixture(scope="module")
def late(impatient: Serving) -> dict[str, bytes]:
    """The responses of that server to each of them. They are asked for together, since each takes as long."""

    async def ask() -> dict[str, bytes]:
        answers = [said(impatient, sent) for sent in LATE.values()]
        answers += [said(impatient), trickle(impatient), idle(impatient)]
        return dict(zip([*LATE, "nothing", "trickle", "idle"], await asyncio.gather(*answers), strict=True))

    return asyncio.run(ask())


async def said(server: Serving, *pieces: bytes) -> bytes:
    """All that the server sends in response to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        with contextlib.suppress(ConnectionError):  # it may close before it has read everything
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        async with patience():
            return await reader.read()
    finally:
        writer.close()


async def trickle(server: Serving) -> bytes:
    """The same for a head whose bytes arrive one by one, each soon after the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with patience():
        writer.write(GET + b"X-Slow: ")
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"a")
            await asyncio.wait([answer], timeout=0.1)
    writer.close()
    return await answer


async def idle(server: Serving) -> bytes:
    """The response to the second request on a connection, after a pause in which a slow request is given up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with patience():
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"}")
        await said(server, GET)
        writer.write(GET + b"\r\n")
        answer = await reader.readuntil(b"}")
    writer.close()
    return answer


async def answers(server: Serving) -> bool:
    """Whether the server answers a plain request."""
    return b"200 OK" in await said(server, GET + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_does_not_end_is_answered_with_408_and_closed(late: dict[str, bytes], name: str) -> None:
    assert late[name].startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request-timeout"' in late[name]


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_does_not_end_is_answered_with_408_and_closed(late: dict[str, bytes], name: str) -> None:
    assert late[name].startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request-timeout"' in late[name]
    assert late[name].count(b"HTTP/1.1") == 1, "one answer"


def test_a_connection_that_never_says_anything_is_closed_without_a_word(late: dict[str, bytes]) -> None:
    """The client could take a 408 for the response to its first request."""
    assert late["nothing"] == b""


def test_a_head_that_trickles_is_no_longer_waited_for(late: dict[str, bytes]) -> None:
    """Each byte is on time; the head as a whole is not."""
    assert late["trickle"].startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_idles_between_requests_is_no_slow_one(late: dict[str, bytes]) -> None:
    assert late["idle"].startswith(b"HTTP/1.1 200 OK")


async def test_the_server_goes_on_after_them(impatient: Serving, late: dict[str, bytes]) -> None:
    assert await answers(impatient)


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
    """Both arrive in one piece of the stream."""
    body = b"x" * 200_000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HEAD + b"Content-Length: 200000\r\n\r\n" + body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_beyond_the_number_of_connections_there_is_a_quick_no(server: Serving) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
    assert (await said(server, GET + b"\r\n")).startswith(b"HTTP/1.1 503 ")
    for _, writer in idle:
        writer.close()
    async with patience():
        while not await answers(server):
            pass  # until a connection is free again


async def test_framing_that_two_readers_could_read_in_two_ways_is_refused(server: Serving) -> None:
    for sent in (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
    ):
        assert (await said(server, sent)).startswith(b"HTTP/1.1 400 "), sent
    assert await answers(server)
