"""What is sent to Redis and when, and what happens when the connection breaks. A test scripts the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis import connection, pipeline
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import ConnectionRejected, Unreachable
from gatepass.stores.redis.layout import pack_command
from gatepass.stores.redis.scripts import SWAP, Call
from gatepass.stores.redis.url import parse_url
from tools.services.patience import becomes, patience

Answer = Callable[[list[bytes]], bytes | None]
"""The reply to a command; None closes the connection."""


class Scripted:
    """A server on loopback that records every command, and how many came in one read."""

    def __init__(self, answer: Answer) -> None:
        self.commands: list[list[bytes]] = []
        self.batches: list[int] = []
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(OSError):
            rest = b""
            while data := await reader.read(1 << 20):
                commands, rest = _parsed(rest + data)
                own = [command for command in commands if command[0] != b"CLIENT"]
                self.commands += own
                self.batches += [len(own)] if own else []
                for command in commands:
                    said = b"+OK\r\n" if command[0] == b"CLIENT" else self._answer(command)
                    if said is None:
                        writer.transport.abort()
                        return
                    writer.write(said)
        writer.close()

    def end(self) -> None:
        """Reset all connections."""
        for writer in self.writers:
            writer.transport.abort()

    def named(self, name: bytes) -> list[list[bytes]]:
        """The commands received with this name."""
        return [command for command in self.commands if command[0] == name]


def _parsed(data: bytes) -> tuple[list[list[bytes]], bytes]:
    """The complete commands, and the rest of the data."""
    commands: list[list[bytes]] = []
    while data:
        head, _, rest = data.partition(b"\r\n")
        parts: list[bytes] = []
        for _ in range(int(head[1:])):
            length, _, rest = rest.partition(b"\r\n")
            if len(rest) < int(length[1:] or b"0") + 2:
                return commands, data
            parts.append(rest[: int(length[1:])])
            rest = rest[int(length[1:]) + 2 :]
        commands.append(parts)
        data = rest
    return commands, b""


@contextlib.asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[Scripted, Cluster]]:
    """A scripted server, and a cluster that is connected to it."""
    server = Scripted(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    cluster = Cluster(parse_url(f"redis://127.0.0.1:{server.port}"))
    await cluster.open()
    try:
        yield server, cluster
    finally:
        await cluster.close()
        listener.close()
        server.end()


def echo(command: list[bytes]) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(command[-1]), command[-1])


def numbered(count: int) -> Sequence[Call]:
    return [Call.of(b"GET", b"%d" % number) for number in range(count)]


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


DEMOTIONS = (
    b"LOADING Redis is loading the dataset in memory",
    b"READONLY You can't write against a read only replica.",
    b"MASTERDOWN Link with MASTER is down",
    b"CLUSTERDOWN The cluster is down",
    b"NOREPLICAS Not enough good replicas to write.",
)


@pytest.mark.parametrize("refusal", DEMOTIONS)
async def test_a_server_that_takes_no_writes_loses_its_connection_and_the_next_one_is_asked(refusal: bytes) -> None:
    """A name leads new connections to the new primary; those that are open stay with the old one."""
    old, new = Scripted(lambda command: echo(command)), Scripted(echo)
    target = [old]

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await target[0].serve(reader, writer)

    listener = await asyncio.start_server(lead, "127.0.0.1", 0)
    cluster = Cluster(parse_url(f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
    await cluster.open()
    assert await cluster.run(Call.of(b"SET", b"key", b"before")) == b"before"
    generation = cluster.generation
    old._answer, target[0] = lambda _: b"-" + refusal + b"\r\n", new
    replies = await asyncio.gather(*(cluster.run(call) for call in numbered(50)))
    assert replies == [b"%d" % number for number in range(50)], "all were refused without being executed"
    assert cluster.generation > generation, "a subscription is made again"
    assert len(new.commands) == 50
    await cluster.close()
    listener.close()
    old.end()
    new.end()


@pytest.mark.parametrize("refusal", DEMOTIONS)
async def test_while_there_is_no_primary_at_all_a_command_is_sent_at_most_twice(refusal: bytes) -> None:
    async with scripted(lambda _: b"-" + refusal + b"\r\n") as (server, cluster):
        for sent in (2, 3):  # the second finds that a connection has just been ended
            with pytest.raises(StoreUnavailable):
                await cluster.run(Call.run(SWAP, (b"key",), b"argument"))
            assert len(server.named(b"EVALSHA")) <= sent + 1


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


class Sentinel:
    """A scripted sentinel: names a primary, with an epoch."""

    def __init__(self, primary: int, *, epoch: int) -> None:
        self.primary = primary
        self.epoch = epoch

    def __call__(self, _: list[bytes]) -> bytes:
        facts = ("ip", "127.0.0.1", "port", str(self.primary), "config-epoch", str(self.epoch))
        return b"*6\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(fact), fact.encode()) for fact in facts)


def primary(command: list[bytes]) -> bytes:
    return b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" if command[0] == b"ROLE" else echo(command)


async def test_of_several_sentinels_the_one_with_the_highest_epoch_is_believed_at_each_look() -> None:
    """A sentinel that is cut off together with the old primary goes on naming it."""
    async with contextlib.AsyncExitStack() as stack:
        old, new = [(await stack.enter_async_context(scripted(primary)))[0] for _ in range(2)]
        behind, ahead = Sentinel(old.port, epoch=7), Sentinel(old.port, epoch=7)
        ports = [(await stack.enter_async_context(scripted(each)))[0].port for each in (behind, ahead)]
        places = ",".join(f"127.0.0.1:{port}" for port in (ports[0], 1, ports[1]))  # at port 1 there is none
        cluster = Cluster(parse_url(f"redis+sentinel://{places}/main"))
        await cluster.open()
        assert [node.port for node in cluster.primaries] == [old.port]
        ahead.primary, ahead.epoch = new.port, 8
        cluster._discovered_at = 0.0
        await cluster.confirm()
        assert [node.port for node in cluster.primaries] == [new.port]
        assert await cluster.run(Call.of(b"GET", b"key")) == b"key"
        assert (len(old.named(b"GET")), len(new.named(b"GET"))) == (0, 1)
        await cluster.close()


async def test_a_node_beyond_this_machine_that_another_one_names_gets_nothing_without_tls() -> None:
    def answer(command: list[bytes]) -> bytes:
        if command[0] == b"CLUSTER":
            return b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$8\r\n10.0.0.1\r\n:6379\r\n"
        return echo(command)

    async with scripted(answer) as (server, _):
        cluster = Cluster(parse_url(f"redis+cluster://127.0.0.1:{server.port}"))
        await cluster.open()
        with pytest.raises(ConnectionRejected) as refused:
            await cluster.run(Call.of(b"GET", b"key"))
        assert "tls=off" in refused.value.reason
        await cluster.close()
