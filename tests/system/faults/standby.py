"""A PostgreSQL that follows another one, as synchronous standby if it is told so, and can take its place."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tools.services.patience import becomes
from tools.services.postgres import PostgresServer, execute, query


@contextmanager
def standby_of(primary: PostgresServer, *, through: int) -> Iterator[PostgresServer]:
    """A running standby whose way to the primary is this port, that of a proxy."""
    standby = PostgresServer()
    try:
        shutil.rmtree(standby._data)
        source = ("-h", "127.0.0.1", "-p", through, "-U", "owner")
        standby._call("pg_basebackup", *source, "-D", standby._data, "-R", "-X", "stream", "--checkpoint=fast")
        standby.start()
        yield standby
    finally:
        standby.remove()


async def until_streaming(primary: PostgresServer) -> None:
    """Return when the standby has all that the primary has written so far."""
    (written,) = await query(primary.url(), "SELECT pg_current_wal_flush_lsn()::text")
    behind = f"SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= '{written}'::pg_lsn"
    while not await query(primary.url(), behind):
        await asyncio.sleep(0.05)


async def wait_for_standby(primary: PostgresServer) -> None:
    """From now on the primary acknowledges what its standby has. Returns when the standby follows."""
    await execute(primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await execute(primary.url(), "SELECT pg_reload_conf()")

    async def follows() -> bool:
        return "sync" in await query(primary.url(), "SELECT sync_state FROM pg_stat_replication")

    while not await follows():
        await asyncio.sleep(0.05)


async def promote(standby: PostgresServer) -> None:
    """Let it take the place of its primary. Returns when it accepts writes."""
    await execute(standby.url(), "SELECT pg_promote()")
    found: list[bool] = []

    async def look() -> None:
        while not found:
            if not (await query(standby.url(), "SELECT pg_is_in_recovery()"))[0]:
                found.append(True)
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    await becomes(lambda: found, "the standby's being primary")
    await looking
