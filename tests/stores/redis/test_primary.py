"""Which server is written to: one that takes no writes is left, and sentinels are asked. A test scripts them."""

import asyncio
import contextlib

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import ConnectionRejected
from gatepass.stores.redis.scripts import SWAP, Call
from gatepass.stores.redis.url import parse_url
from tests.stores.redis.scripted import Scripted, echo, numbered, scripted

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
