"""What is sent to Redis and when, and what happens when the connection breaks. A test scripts the server."""

import asyncio
import contextlib

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis import connection, pipeline
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import Unreachable
from gatepass.stores.redis.layout import pack_command
from gatepass.stores.redis.scripts import SWAP, Call
from gatepass.stores.redis.url import parse_url
from tests.stores.redis.scripted import echo, numbered, scripted
from tools.services.patience import becomes, patience


async def test_what_is_asked_for_at_once_goes_out_in_one_piece_and_is_answered_in_order() -> None:
    async with scripted(echo) as (server, cluster):
        await cluster.run(Call.of(b"GET", b"connected"))
        replies = await asyncio.gather(*(cluster.run(call) for call in numbered(100)))
        assert replies == [b"%d" % number for number in range(100)]
        assert server.batches == [1, 100]


async def test_what_comes_while_others_are_on_their_way_does_not_wait_for_their_answers() -> None:
    both = asyncio.Event()

    def answer(command: list[bytes]) -> bytes:
        if command[1] == b"second":
            both.set()
            return b"$1\r\n1\r\n$1\r\n2\r\n"
        return b""

    async with scripted(answer) as (_, cluster), patience():
        first = asyncio.create_task(cluster.run(Call.of(b"GET", b"first")))
        while not cluster._pipelines:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(cluster.run(Call.of(b"GET", b"second")))
        await both.wait()
        assert (await first, await second) == (b"1", b"2")


async def test_a_command_that_went_out_and_was_not_answered_is_unavailable_and_never_sent_again() -> None:
    async with scripted(lambda command: None if command[0] == b"EVALSHA" else echo(command)) as (server, cluster):
        with pytest.raises(StoreUnavailable) as raised:
            await cluster.run(Call.run(SWAP, (b"key",), b"argument"))
        assert not isinstance(raised.value, Unreachable), "it may have been done"
        assert len(server.named(b"EVALSHA")) == 1
        assert await cluster.run(Call.of(b"GET", b"next")) == b"next", "on a new connection"
        assert len(server.named(b"EVALSHA")) == 1


async def test_all_that_were_on_a_broken_connection_are_told_each_with_an_exception_of_their_own() -> None:
    async with scripted(lambda command: None if command[1] == b"5" else echo(command)) as (_, cluster):
        done = await asyncio.gather(*(cluster.run(call) for call in numbered(10)), return_exceptions=True)
        faults = [each for each in done if isinstance(each, StoreUnavailable)]
        assert len(faults) >= 5
        assert len({id(fault) for fault in faults}) == len(faults)


async def test_a_script_whose_digest_is_not_known_is_sent_in_full_once() -> None:
    def answer(command: list[bytes]) -> bytes:
        return b"-NOSCRIPT No matching script.\r\n" if command[0] == b"EVALSHA" else b"$2\r\nok\r\n"

    async with scripted(answer) as (server, cluster):
        assert await cluster.run(Call.run(SWAP, (b"key",), b"argument")) == b"ok"
        (full,) = server.named(b"EVAL")
        assert full == [b"EVAL", SWAP.text, b"1", b"key", b"argument"]


async def test_a_peer_that_takes_no_more_bytes_is_given_up_and_the_next_command_gets_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "COMMAND_TIMEOUT", 0.2)
    async with scripted(echo) as (server, cluster), patience():
        await cluster.run(Call.of(b"GET", b"connected"))
        (peer,) = server.writers
        peer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = [cluster.run(Call.of(b"SET", b"key", bytes(1 << 20))) for _ in range(16)]
        done = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(each) for each in done] == [StoreUnavailable] * 16
        assert await cluster.run(Call.of(b"GET", b"next")) == b"next"


async def test_a_connection_with_unsent_bytes_closes_without_waiting_for_its_peer() -> None:
    async with scripted(echo) as (server, cluster), patience():
        connected = await cluster.new_connection()
        writer, (peer,) = connected._connection._writer, server.writers
        assert writer is not None
        peer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(bytes(1 << 24))
        await connected.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    "refusal",
    [
        b"OOM command not allowed when used memory > 'maxmemory'.",
        b"MISCONF Errors writing to the AOF file: No space left on device",
        b"BUSY Redis is busy running a script.",
        b"NOAUTH Authentication required.",
        b"NOPERM this user has no permissions to run the 'evalsha' command",
        b"EXECABORT Transaction discarded",
        b"WRONGTYPE Operation against a key holding the wrong kind of value",
        b"ERR max number of clients reached",
        b"ERR anything else",
    ],
)
async def test_every_refusal_is_unavailable_and_sent_once(refusal: bytes) -> None:
    async with scripted(lambda _: b"-" + refusal + b"\r\n") as (server, cluster):
        with pytest.raises(StoreUnavailable):
            await cluster.run(Call.run(SWAP, (b"key",), b"argument"))
        assert len(server.named(b"EVALSHA")) == 1


async def test_an_answer_that_does_not_come_is_given_up_after_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "COMMAND_TIMEOUT", 0.1)
    async with scripted(lambda _: b"") as (server, cluster), patience():
        done = await asyncio.gather(*(cluster.run(call) for call in numbered(3)), return_exceptions=True)
        assert [type(each) for each in done] == [StoreUnavailable] * 3
        assert len(server.commands) == 3


async def test_a_server_that_does_not_take_connections_is_unreachable_after_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    cluster = Cluster(parse_url(f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
    await cluster.open()
    async with patience():
        with pytest.raises(Unreachable):
            await cluster.run(Call.of(b"GET", b"key"))
    await cluster.close()
    listener.close()


async def test_a_connection_that_ended_while_idle_costs_nobody_an_answer() -> None:
    async with scripted(echo) as (server, cluster):
        await cluster.run(Call.of(b"GET", b"one"))
        (only,) = cluster._pipelines.values()
        assert only._link is not None
        only._link.connection._connection._writer.transport.abort()  # type: ignore[union-attr]
        while only.is_connected:
            await asyncio.sleep(0)
        assert await cluster.run(Call.of(b"GET", b"two")) == b"two"
        assert len(server.commands) == 2


async def test_more_than_can_be_done_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MAX_WAITING", 3)
    async with scripted(echo) as (server, cluster):
        done = await asyncio.gather(*(cluster.run(call) for call in numbered(5)), return_exceptions=True)
        assert done[:3] == [b"0", b"1", b"2"]
        assert [type(each) for each in done[3:]] == [StoreUnavailable] * 2
        assert len(server.commands) == 3


async def test_closing_finishes_what_was_accepted() -> None:
    async with scripted(echo) as (_, cluster):
        running = [asyncio.create_task(cluster.run(call)) for call in numbered(20)]
        await asyncio.sleep(0)
        await cluster.close()
        assert await asyncio.gather(*running) == [b"%d" % number for number in range(20)]
        with pytest.raises(StoreUnavailable, match="not open"):
            await cluster.run(Call.of(b"GET", b"late"))


async def test_while_it_closes_nothing_new_is_begun() -> None:
    async with scripted(echo) as (_, cluster):
        running = asyncio.create_task(cluster.shielded(cluster.run(Call.of(b"GET", b"accepted"))))
        await asyncio.sleep(0)
        closing = asyncio.create_task(cluster.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="being closed"):
            await cluster.shielded(cluster.run(Call.of(b"GET", b"late")))
        assert await running == b"accepted"
        await closing


async def test_somebody_who_stopped_waiting_does_not_get_another_s_answer() -> None:
    async with scripted(echo) as (_, cluster):
        await cluster.run(Call.of(b"GET", b"connected"))
        first = asyncio.create_task(cluster.run(Call.of(b"GET", b"first")))
        second = asyncio.create_task(cluster.run(Call.of(b"GET", b"second")))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == b"second"


async def test_closing_lets_the_reply_come_whose_caller_was_cancelled() -> None:
    """A background task is cancelled before the store is closed."""
    async with scripted(lambda command: b"" if command[-1] == b"slow" else echo(command)) as (server, cluster):
        await cluster.run(Call.of(b"GET", b"connected"))
        asked = asyncio.create_task(cluster.run(Call.of(b"GET", b"slow")))
        await becomes(lambda: [b"GET", b"slow"] in server.commands)
        asked.cancel()
        await asyncio.wait([asked])
        (writer,) = server.writers
        asyncio.get_running_loop().call_soon(writer.write, b"+late\r\n")
        await cluster.close()
        assert not cluster.is_open


async def test_another_event_loop_is_told_to_make_a_store_of_its_own() -> None:
    async with scripted(echo) as (_, cluster):
        with pytest.raises(RuntimeError, match="event loop"):
            await asyncio.to_thread(asyncio.run, cluster.run(Call.of(b"GET", b"key")))


def test_a_command_is_packed_as_redis_reads_it() -> None:
    assert pack_command(b"SET", b"key", b"\r\n\x00") == b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$3\r\n\r\n\x00\r\n"
