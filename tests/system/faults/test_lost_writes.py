"""A store comes back without its last acknowledged refreshes: a fail-over to a replica that lagged, a restored file.

Only refreshes are lost: sign-ins and sign-outs are acknowledged when durable (PROTOCOL §3), so the copy is taken after
those. The clients hold tokens that the row does not know (PROTOCOL §4, recover).
"""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.system.faults.harness import ROUNDS, Server, hosting, serving, under_load
from tests.system.faults.load import Verdict
from tests.system.faults.scenario import scenario
from tools.services.postgres import new_database, private_server

LOST = 12
"""The refreshes of each session that the store loses, at least."""
Step = Callable[[], Awaitable[None]]


async def lose_writes(server: Server, *, keep: Step, restore: Step) -> Verdict:
    """`keep` takes a copy and `restore` puts it back, both while the server is down."""
    async with serving(server), under_load(server) as load:
        load.steal()
        await load.committed()
        for _ in range(ROUNDS):
            await load.progress()
            await server.kill()
            await keep()
            await server.start()
            await load.progress(LOST)
            if load.faults < 2:
                load.steal(strict=False)
            await server.kill()
            load.faults += 1
            await restore()
            await server.start()
            await load.progress()
        load.steal()
        verdict = await load.verdict()
        await server.stop()
    assert '"case":"recover"' in server.said, "no write was lost, so the test proves nothing"
    return verdict


@scenario("SQLite file copied back")
async def test_nothing_is_lost_when_a_sqlite_file_is_copied_back(folder: Path) -> Verdict:
    async def keep() -> None:
        shutil.copytree(folder / "data", folder / "copy")

    async def restore() -> None:
        shutil.rmtree(folder / "data")
        (folder / "copy").rename(folder / "data")

    (folder / "data").mkdir()
    server = Server(folder, "sqlite:///data/gate.db")
    return await lose_writes(server, keep=keep, restore=restore)


@pytest.mark.full
@scenario("SQLite log dropped")
async def test_nothing_is_lost_when_the_log_of_sqlite_is_dropped(folder: Path) -> Verdict:
    async def keep() -> None:
        connection = sqlite3.connect(folder / "gate.db")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    async def restore() -> None:
        for end in ("-wal", "-shm"):
            (folder / f"gate.db{end}").unlink()

    server = Server(folder, "sqlite:///gate.db")
    return await lose_writes(server, keep=keep, restore=restore)


@pytest.mark.full
@scenario("PostgreSQL restored from a copy")
async def test_nothing_is_lost_when_postgres_is_restored_from_a_copy(folder: Path) -> Verdict:
    async with hosting(private_server()) as postgres:
        data, copy = postgres.folder / "data", postgres.folder / "copy"

        async def keep() -> None:
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(lambda: subprocess.run(["cp", "-a", data, copy], check=True))
            await asyncio.to_thread(postgres.start)

        async def restore() -> None:
            await asyncio.to_thread(postgres.kill)
            shutil.rmtree(data)
            copy.rename(data)
            await asyncio.to_thread(postgres.start)

        server = Server(folder, await new_database(postgres))
        return await lose_writes(server, keep=keep, restore=restore)
