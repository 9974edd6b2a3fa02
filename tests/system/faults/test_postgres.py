"""PostgreSQL dies, restarts, and loses connections under a server that is kept busy."""

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
from tools.services.postgres import PostgresServer, new_database, private_server, shared_server

STEPS: dict[Direction, tuple[int, ...]] = {
    # A swap is some 300 bytes to the store and as many back: the first steps fall into one message, at its start,
    # in its head, in its middle; the last fall into a batch, or into a connection that is just being made.
    "to the store": (0, 1, 4, 5, 40, 200, 333, 1_000, 2_500),
    "from the store": (0, 1, 5, 6, 60, 250, 333, 1_000, 2_500),
}


@scenario("PostgreSQL killed")
async def test_nothing_is_lost_when_postgres_is_killed(folder: Path) -> Verdict:
    return await go_away(folder, None)


@pytest.mark.full
@scenario("PostgreSQL restarted fast")
async def test_nothing_is_lost_when_postgres_is_restarted_fast(folder: Path) -> Verdict:
    return await go_away(folder, signal.SIGINT)


@pytest.mark.full
@scenario("PostgreSQL restarted immediately")
async def test_nothing_is_lost_when_postgres_is_restarted_immediately(folder: Path) -> Verdict:
    return await go_away(folder, signal.SIGQUIT)


@pytest.mark.full
@scenario("server and PostgreSQL killed")
async def test_nothing_is_lost_when_server_and_postgres_are_killed_together(folder: Path) -> Verdict:
    async with private_load(folder) as (postgres, server, load):
        load.steal()
        for _ in range(ROUNDS):
            await load.progress()
            await asyncio.gather(kill(postgres), server.kill())
            load.faults += 2
            await asyncio.to_thread(postgres.start)
            await server.start()
        load.steal()
        return await load.verdict()


@pytest.mark.full
@scenario("connection to PostgreSQL cut")
async def test_nothing_is_lost_when_the_connection_to_postgres_breaks_at_any_byte(folder: Path) -> Verdict:
    postgres = await asyncio.to_thread(shared_server)
    url = await new_database(postgres)
    async with proxying(postgres.port) as proxy:
        through = url.replace(f":{postgres.port}/", f":{proxy.port}/")
        async with serving(Server(folder, through)) as server, under_load(server) as load:
            load.steal()
            for direction, steps in STEPS.items():
                for after in range(0, 3_000, 7) if FULL else steps:
                    proxy.cut(after, direction)
                    await load.until(lambda: not proxy.is_due)
            load.steal()
            await load.progress()
            load.faults = proxy.broken
            return await load.verdict()


async def go_away(folder: Path, number: signal.Signals | None) -> Verdict:
    """PostgreSQL ends by this signal, or is killed, and is started again."""
    async with private_load(folder) as (postgres, _, load):
        load.steal()
        for _ in range(ROUNDS):
            await load.progress()
            await (kill(postgres) if number is None else restart(postgres, number))
            load.faults += 1
            await asyncio.to_thread(postgres.start)
        load.steal()
        await load.progress()
        load.steal()
        return await load.verdict()


@contextlib.asynccontextmanager
async def private_load(folder: Path) -> AsyncIterator[tuple[PostgresServer, Server, Load]]:
    """A PostgreSQL of its own, a server on it, and the load."""
    async with (
        hosting(private_server()) as postgres,
        serving(Server(folder, await new_database(postgres))) as server,
        under_load(server) as load,
    ):
        yield postgres, server, load


async def kill(server: PostgresServer) -> None:
    await asyncio.to_thread(server.kill)


async def restart(server: PostgresServer, number: signal.Signals) -> None:
    await asyncio.to_thread(server._signal, number)
