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

from tests.system.faults.harness import ROUNDS, Record, Server, conclude, serving
from tests.system.faults.load import Load
from tools.services.postgres import new_database, private_server

LOST = 12
"""The refreshes of each session that the store loses, at least."""
Step = Callable[[], Awaitable[None]]


async def lose_writes(server: Server, *, keep: Step, restore: Step, scenario: str, record: Record) -> None:
    """`keep` takes a copy and `restore` puts it back, both while the server is down."""
    async with serving(server), Load(server.port) as load:
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
        await conclude(load, scenario, record)
        await server.stop()
    assert '"case":"recover"' in server.said, "no write was lost, so the test proves nothing"


async def test_sqlite_file_copied_back(tmp_path: Path, record_property: Record) -> None:
    async def keep() -> None:
        shutil.copytree(tmp_path / "data", tmp_path / "copy")

    async def restore() -> None:
        shutil.rmtree(tmp_path / "data")
        (tmp_path / "copy").rename(tmp_path / "data")

    (tmp_path / "data").mkdir()
    server = Server(tmp_path, "sqlite:///data/gate.db")
    await lose_writes(server, keep=keep, restore=restore, scenario="SQLite file copied back", record=record_property)


async def test_sqlite_log_dropped(tmp_path: Path, record_property: Record) -> None:
    async def keep() -> None:
        connection = sqlite3.connect(tmp_path / "gate.db")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    async def restore() -> None:
        for end in ("-wal", "-shm"):
            (tmp_path / f"gate.db{end}").unlink()

    server = Server(tmp_path, "sqlite:///gate.db")
    await lose_writes(server, keep=keep, restore=restore, scenario="SQLite log dropped", record=record_property)


async def test_postgres_restored_from_a_copy(tmp_path: Path, record_property: Record) -> None:
    with private_server() as postgres:
        data, copy = postgres.folder / "data", postgres.folder / "copy"

        async def keep() -> None:
            await asyncio.to_thread(postgres.stop)
            subprocess.run(["cp", "-a", data, copy], check=True)
            await asyncio.to_thread(postgres.start)

        async def restore() -> None:
            await asyncio.to_thread(postgres.kill)
            shutil.rmtree(data)
            copy.rename(data)
            await asyncio.to_thread(postgres.start)

        server = Server(tmp_path, await new_database(postgres))
        scenario = "PostgreSQL restored from a copy"
        await lose_writes(server, keep=keep, restore=restore, scenario=scenario, record=record_property)
