"""Redis dies, forgets, fails over, and loses connections under a server that is kept busy."""

import asyncio
import signal
from pathlib import Path

from tests.system.faults.harness import ROUNDS, Record, Server, conclude, serving
from tests.system.faults.load import Load
from tests.system.faults.proxy import Direction, proxying
from tools.services.valkey import ValkeyServer, private_cluster, private_server

ACCOUNTS = "sqlite:///accounts.db"
STEPS: dict[Direction, tuple[int, ...]] = {
    "to the store": (0, 1, 5, 40, 200, 333, 1_000, 2_500),
    "from the store": (0, 1, 5, 60, 250, 333, 1_000, 2_500),
}
LOST_BYTES = 1_500
"""Off the end of the append-only file: some swaps, and half of one."""


async def test_nothing_is_lost_when_redis_is_killed(tmp_path: Path, record_property: Record) -> None:
    with private_server("--appendfsync", "always") as redis:
        async with serving(Server(tmp_path, ACCOUNTS, sessions=redis.url)) as server, Load(server.port) as load:
            load.steal()
            for _ in range(2 * ROUNDS):
                await load.progress()
                await asyncio.to_thread(redis.stop, signal.SIGKILL)
                load.faults += 1
                await asyncio.to_thread(redis.start)
            load.steal()
            await load.progress()
            load.steal()
            await conclude(load, "Redis killed", record_property)


async def test_nothing_is_lost_when_server_and_redis_are_killed_together(
    tmp_path: Path, record_property: Record
) -> None:
    with private_server("--appendfsync", "always") as redis:
        async with serving(Server(tmp_path, ACCOUNTS, sessions=redis.url)) as server, Load(server.port) as load:
            load.steal()
            for _ in range(ROUNDS):
                await load.progress()
                await asyncio.gather(asyncio.to_thread(redis.stop, signal.SIGKILL), server.kill())
                load.faults += 2
                await asyncio.to_thread(redis.start)
                await server.start()
            load.steal()
            await conclude(load, "server and Redis killed", record_property)


async def test_nothing_is_lost_when_redis_comes_back_without_its_last_writes(
    tmp_path: Path, record_property: Record
) -> None:
    with private_server() as redis:
        async with serving(Server(tmp_path, ACCOUNTS, sessions=redis.url)) as server, Load(server.port) as load:
            for _ in range(2 * ROUNDS):
                await load.progress()
                await asyncio.to_thread(redis.stop, signal.SIGKILL)
                load.faults += 1
                await asyncio.to_thread(forget, redis)
                await asyncio.to_thread(redis.start)
            await load.progress()
            load.steal()
            await conclude(load, "Redis lost its last writes", record_property)
        assert '"case":"recover"' in server.said


async def test_nothing_is_lost_when_a_replica_takes_the_place_of_its_primary(
    tmp_path: Path, record_property: Record
) -> None:
    with private_cluster() as cluster:
        async with serving(Server(tmp_path, ACCOUNTS, sessions=cluster.url)) as server, Load(server.port) as load:
            load.steal()
            await load.progress()
            await asyncio.to_thread(cluster.primaries[0].stop, signal.SIGKILL)
            load.faults += 1
            await asyncio.to_thread(cluster.promote, cluster.replicas[0])
            await load.progress()
            load.steal()
            await load.progress()
            await conclude(load, "cluster fail-over", record_property)


async def test_nothing_is_lost_when_the_connection_breaks_at_any_byte(tmp_path: Path, record_property: Record) -> None:
    with private_server() as redis:
        async with proxying(redis.port) as proxy:
            through = f"redis://127.0.0.1:{proxy.port}"
            async with serving(Server(tmp_path, ACCOUNTS, sessions=through)) as server, Load(server.port) as load:
                load.steal()
                for direction, steps in STEPS.items():
                    for after in steps if ROUNDS == 1 else range(0, 3_000, 7):
                        proxy.cut(after, direction)
                        await load.until(lambda: not proxy.is_due)
                load.steal()
                await load.progress()
                load.faults = proxy.broken
                await conclude(load, "connection to Redis cut", record_property)


def forget(redis: ValkeyServer) -> None:
    """Take the last writes out of the append-only file of a server that is down."""
    (newest,) = redis.folder.glob("appendonlydir/*.incr.aof")
    with newest.open("r+b") as file:
        file.truncate(max(0, newest.stat().st_size - LOST_BYTES))
