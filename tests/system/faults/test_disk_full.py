"""The disk under the store is full for a while."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.system.faults.disk import Disk, Limit, small_disk
from tests.system.faults.harness import Server, serving, under_load
from tests.system.faults.load import Load, Verdict
from tests.system.faults.scenario import scenario
from tools.services.postgres import PostgresServer, execute, new_database


@contextlib.contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that another user may enter: PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="gatepass-disk-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.full
@scenario("disk full under SQLite (tmpfs)")
async def test_nothing_is_lost_when_the_disk_under_sqlite_is_full(folder: Path) -> Verdict:
    return await fill_sqlite(folder, mounts=True)


@scenario("disk full under SQLite (RLIMIT_FSIZE)")
async def test_nothing_is_lost_when_sqlite_may_not_write(folder: Path) -> Verdict:
    return await fill_sqlite(folder, mounts=False)


@pytest.mark.full
@scenario("disk full under PostgreSQL (tmpfs)")
async def test_nothing_is_lost_when_the_disk_under_postgres_is_full(folder: Path) -> Verdict:
    return await fill_postgres(folder, mounts=True)


@pytest.mark.full
@scenario("disk full under PostgreSQL (RLIMIT_FSIZE)")
async def test_nothing_is_lost_when_postgres_may_not_write(folder: Path) -> Verdict:
    return await fill_postgres(folder, mounts=False)


async def fill_sqlite(tmp_path: Path, *, mounts: bool) -> Verdict:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, megabytes=8, mounts=mounts and os.geteuid() == 0) as disk:
        async with serving(Server(tmp_path, f"sqlite:///{folder}/gate.db")) as server, under_load(server) as load:
            load.steal()
            await load.progress()
            disk.fill(server.pid)
            await starve(load)
            disk.free()
            load.steal()
            await load.progress()
            return await load.verdict()


async def fill_postgres(tmp_path: Path, *, mounts: bool) -> Verdict:
    with folder_for_all() as folder, small_disk(folder, megabytes=120, mounts=mounts and os.geteuid() == 0) as disk:
        postgres = await asyncio.to_thread(PostgresServer, folder)
        try:
            await asyncio.to_thread(postgres.start)
            async with serving(Server(tmp_path, await new_database(postgres))) as server, under_load(server) as load:
                load.steal()
                await load.progress()
                await fill_log(disk, postgres)
                await starve(load)
                disk.free()
                await asyncio.to_thread(revive, postgres)
                load.steal()
                await load.progress()
                return await load.verdict()
        finally:
            disk.free()
            await asyncio.to_thread(postgres.remove)


def test_a_process_that_ended_meanwhile_needs_no_limit() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    disk = Limit()
    disk.fill(ended.pid)
    disk.free()


async def starve(load: Load) -> None:
    """Wait until the clients have been refused many times because the disk is full."""
    load.faults += 1
    before = load.repeated
    await load.until(lambda: load.repeated > before + 50)


async def fill_log(disk: Disk, postgres: PostgresServer) -> None:
    """Fill the disk and switch to a new WAL segment: PostgreSQL has allocated the current one in advance."""
    disk.fill(postgres.pid)
    for _ in range(3):
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            await execute(postgres.url(), "SELECT pg_switch_wal()")


def revive(postgres: PostgresServer) -> None:
    """Start PostgreSQL again: it stops when its log cannot be written."""
    postgres.kill()
    postgres.start()
