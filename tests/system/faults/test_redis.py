"""Redis dies, loses its last writes, fails over, and loses connections under a server that is kept busy."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.full import FULL
from tests.system.faults.harness import ROUNDS, Server, hosting, serving, under_load
from tests.system.faults.load import Load, Verdict
from tests.system.faults.proxy import Direction, proxying
from tests.system.faults.scenario import scenario
from tools.services.postgres import new_database, shared_server
from tools.services.valkey import ValkeyServer, private_cluster, private_server, until

STEPS: dict[Direction, tuple[int, ...]] = {
    "to the store": (0, 1, 5, 40, 200, 333, 1_000, 2_500),
    "from the store": (0, 1, 5, 60, 250, 333, 1_000, 2_500),
}
LOST_BYTES = 1_500
"""Off the end of the append-only file: some swaps, and half of one."""


@pytest.mark.full
@scenario("Redis killed")
async def test_nothing_is_lost_when_redis_is_killed(folder: Path) -> Verdict:
    async with private_load(folder, "--appendfsync", "always") as (redis, _, load):
        load.steal()
        for _ in range(2 * ROUNDS):
            await load.progress()
            await asyncio.to_thread(redis.stop, signal.SIGKILL)
            load.faults += 1
            await asyncio.to_thread(redis.start)
        load.steal()
        await load.progress()
        load.steal()
        return await load.verdict()


@pytest.mark.full
@scenario("server and Redis killed")
async def test_nothing_is_lost_when_server_and_redis_are_killed_together(folder: Path) -> Verdict:
    async with private_load(folder, "--appendfsync", "always") as (redis, server, load):
        load.steal()
        for _ in range(ROUNDS):
            await load.progress()
            await asyncio.gather(asyncio.to_thread(redis.stop, signal.SIGKILL), server.kill())
            load.faults += 2
            await asyncio.to_thread(redis.start)
            await server.start()
        load.steal()
        return await load.verdict()


@pytest.mark.full
@scenario("Redis lost its last writes")
async def test_nothing_is_lost_when_redis_comes_back_without_its_last_writes(folder: Path) -> Verdict:
    async with private_load(folder) as (redis, server, load):
        load.steal()
        await load.committed()
        for _ in range(2 * ROUNDS):
            await load.progress()
            await asyncio.to_thread(redis.stop, signal.SIGKILL)
            load.faults += 1
            await asyncio.to_thread(forget, redis)
            await asyncio.to_thread(redis.start)
        await load.progress()
        load.steal()
        verdict = await load.verdict()
        await server.stop()
    assert '"case":"recover"' in server.said
    return verdict


@pytest.mark.full
@scenario("cluster fail-over")
async def test_nothing_is_lost_when_a_replica_takes_the_place_of_its_primary(folder: Path) -> Verdict:
    async with hosting(private_cluster()) as cluster:
        server = Server(folder, await accounts(), sessions=cluster.url)
        async with serving(server), under_load(server) as load:
            load.steal()
            await load.progress()
            await load.committed()
            # Without `wait=` an end that was just acknowledged would be lost with the primary.
            await asyncio.to_thread(replicate, cluster.primaries[0], cluster.replicas[0])
            await asyncio.to_thread(cluster.primaries[0].stop, signal.SIGKILL)
            load.faults += 1
            await asyncio.to_thread(cluster.promote, cluster.replicas[0])
            await load.progress()
            return await finish(load)


@scenario("connection to Redis cut")
async def test_nothing_is_lost_when_the_connection_to_redis_breaks_at_any_byte(folder: Path) -> Verdict:
    async with hosting(private_server()) as redis, proxying(redis.port) as proxy:
        through = f"redis://127.0.0.1:{proxy.port}"
        async with serving(Server(folder, await accounts(), sessions=through)) as server, under_load(server) as load:
            load.steal()
            for direction, steps in STEPS.items():
                for after in range(0, 3_000, 7) if FULL else steps:
                    proxy.cut(after, direction)
                    await load.until(lambda: not proxy.is_due)
            load.faults = proxy.broken
            return await finish(load)


async def finish(load: Load) -> Verdict:
    """One more theft, when all is well again."""
    load.steal()
    await load.progress()
    return await load.verdict()


async def accounts() -> str:
    """A database for the accounts of one scenario."""
    return await new_database(await asyncio.to_thread(shared_server))


@contextlib.asynccontextmanager
async def private_load(folder: Path, *arguments: str) -> AsyncIterator[tuple[ValkeyServer, Server, Load]]:
    """A Redis of its own, a server on it, and the load."""
    async with (
        hosting(private_server(*arguments)) as redis,
        serving(Server(folder, await accounts(), sessions=redis.url)) as server,
        under_load(server) as load,
    ):
        yield redis, server, load


def replicate(primary: ValkeyServer, replica: ValkeyServer) -> None:
    """Return when the replica has all that the primary has written so far."""
    written = offset(primary, b"master_repl_offset")
    until(lambda: offset(replica, b"slave_repl_offset") >= written)


def offset(server: ValkeyServer, name: bytes) -> int:
    """A number of INFO replication."""
    return int(
        next(line for line in server.ask("INFO", "replication").splitlines() if line.startswith(name + b":"))[
            len(name) + 1 :
        ]
    )


def forget(redis: ValkeyServer) -> None:
    """Take the last writes out of the append-only file of a server that is down."""
    (newest,) = redis.folder.glob("appendonlydir/*.incr.aof")
    with newest.open("r+b") as file:
        file.truncate(max(0, newest.stat().st_size - LOST_BYTES))
