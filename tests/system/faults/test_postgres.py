"""PostgreSQL dies, restarts, and loses connections under a server that is kept busy."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.faults.harness import ROUNDS, Record, Server, conclude, serving
from tests.system.faults.load import Load
from tests.system.faults.proxy import Direction, proxying
from tools.services.postgres import PostgresServer, new_database, private_server, shared_server

STEPS: dict[Direction, tuple[int, ...]] = {
    # A swap is some 300 bytes to the store and as many back: the first steps fall into one message, at its start,
    # in its head, in its middle; the last fall into a batch, or into a connection that is just being made.
    "to the store": (0, 1, 4, 5, 40, 200, 333, 1_000, 2_500),
    "from the store": (0, 1, 5, 6, 60, 250, 333, 1_000, 2_500),
}


@pytest.fixture
async def database() -> AsyncIterator[tuple[PostgresServer, str]]:
    with private_server() as server:
        yield server, await new_database(server)


async def kill(server: PostgresServer) -> None:
    await asyncio.to_thread(server.kill)


async def restart(server: PostgresServer, number: signal.Signals) -> None:
    await asyncio.to_thread(server._signal, number)


@pytest.mark.parametrize(
    ("how", "number"),
    [("killed", None), ("restarted fast", signal.SIGINT), ("restarted immediately", signal.SIGQUIT)],
)
async def test_nothing_is_lost_when_postgres_goes_away(
    how: str,
    number: signal.Signals | None,
    database: tuple[PostgresServer, str],
    tmp_path: Path,
    record_property: Record,
) -> None:
    postgres, url = database
    async with serving(Server(tmp_path, url)) as server, Load(server.port) as load:
        load.steal()
        for _ in range(ROUNDS):
            await load.progress()
            await (kill(postgres) if number is None else restart(postgres, number))
            load.faults += 1
            await asyncio.to_thread(postgres.start)
        load.steal()
        await load.progress()
        load.steal()
        await conclude(load, f"PostgreSQL {how}", record_property)


async def test_nothing_is_lost_when_server_and_postgres_are_killed_together(
    database: tuple[PostgresServer, str], tmp_path: Path, record_property: Record
) -> None:
    postgres, url = database
    async with serving(Server(tmp_path, url)) as server, Load(server.port) as load:
        load.steal()
        for _ in range(ROUNDS):
            await load.progress()
            await asyncio.gather(kill(postgres), server.kill())
            load.faults += 2
            await asyncio.to_thread(postgres.start)
            await server.start()
        load.steal()
        await conclude(load, "server and PostgreSQL killed", record_property)


async def test_nothing_is_lost_when_the_connection_breaks_at_any_byte(tmp_path: Path, record_property: Record) -> None:
    url = await new_database(shared_server())
    async with proxying(shared_server().port) as proxy:
        through = url.replace(f":{shared_server().port}/", f":{proxy.port}/")
        async with serving(Server(tmp_path, through)) as server, Load(server.port) as load:
            load.steal()
            for direction, steps in STEPS.items():
                for after in sweep(steps):
                    proxy.cut(after, direction)
                    await load.until(lambda: not proxy.is_due)
            load.steal()
            await load.progress()
            load.faults = proxy.broken
            await conclude(load, "connection to PostgreSQL cut", record_property)


def sweep(steps: tuple[int, ...]) -> range | tuple[int, ...]:
    return range(0, 3_000, 7) if ROUNDS > 1 else steps
