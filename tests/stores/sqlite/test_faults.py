"""What a disk, a file and a process can do to the SQLite store, and which callers get an error."""

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of, swapped
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

NOBODY = 65_534


@pytest.fixture
def busy_timeout() -> float:
    return 0.1


@contextlib.contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """A real failure of write(2), without root: the kernel refuses writes beyond the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def as_a_user_without_rights() -> Iterator[None]:
    """Root may write anywhere, so the test runs as another user for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_commit_that_fails_fails_everyone_in_it_and_later_ones_go_on(
    store: SQLiteStore, tmp_path: Path
) -> None:
    here, there = await signed_in(store), await signed_in(store, name="bob")
    with no_file_may_grow_beyond((tmp_path / "gate.db-wal").stat().st_size):
        results = await asyncio.gather(
            store.swap(swap_of(here)),
            store.revoke(there.sid, reason="revoked", now=NOW),
            store.ping(),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [StoreUnavailable] * 3
        assert [await store.find(row.sid) for row in (here, there)] == [here, there]
    assert await store.swap(swap_of(here)) is not None
    assert await store.revoke(there.sid, reason="revoked", now=NOW) is not None


async def test_a_ping_writes_and_an_ill_store_names_the_cause_to_the_log_alone(
    store: SQLiteStore, tmp_path: Path
) -> None:
    await store.ping()
    with no_file_may_grow_beyond((tmp_path / "gate.db-wal").stat().st_size), pytest.raises(StoreUnavailable) as ill:
        await store.ping()
    assert isinstance(ill.value.__cause__, sqlite3.OperationalError)
    assert str(ill.value.__cause__) not in f"{ill.value} {ill.value.detail}"


async def test_a_file_that_vanished_is_no_place_to_write_until_it_is_back(store: SQLiteStore, tmp_path: Path) -> None:
    session = await signed_in(store)
    (tmp_path / "gate.db").rename(tmp_path / "away.db")
    for ask in (store.swap(swap_of(session)), store.find(session.sid), store.ping()):
        with pytest.raises(StoreUnavailable):
            await ask
    assert not (tmp_path / "gate.db").exists()
    (tmp_path / "away.db").rename(tmp_path / "gate.db")
    assert await store.find(session.sid) == session
    assert await store.swap(swap_of(session)) is not None


async def test_a_file_put_in_the_place_of_the_opened_one_is_left_alone(store: SQLiteStore, tmp_path: Path) -> None:
    session = await signed_in(store)
    (tmp_path / "gate.db").rename(tmp_path / "away.db")
    (tmp_path / "gate.db").write_bytes(b"")
    with pytest.raises(StoreUnavailable) as ill:
        await store.swap(swap_of(session))
    assert "start again" in str(ill.value.__cause__)
    assert (tmp_path / "gate.db").read_bytes() == b""


async def test_a_connection_past_mending_is_made_anew(store: SQLiteStore) -> None:
    session = await signed_in(store)
    with pytest.raises(StoreUnavailable):
        await asyncio.gather(store._run(lambda connection: connection.close()), store.swap(swap_of(session)))
    assert await store.swap(swap_of(session)) is not None
    settings = await store._run(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    assert settings == ["wal", 2, 1]


async def test_a_mistake_of_a_caller_is_not_an_illness_of_the_store(store: SQLiteStore) -> None:
    with pytest.raises(sqlite3.ProgrammingError):
        await store.find(object())  # type: ignore[arg-type]
    session = await signed_in(store)
    with pytest.raises(sqlite3.IntegrityError):
        await store.add(session, credential_version=1)
    assert await store.find(session.sid) == session


async def test_a_lock_that_another_program_holds_does_not_stop_reading(store: SQLiteStore, tmp_path: Path) -> None:
    session = await signed_in(store)
    other = sqlite3.connect(tmp_path / "gate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert await store.find(session.sid) == session
        assert list(await store.list_for_account(session.account_id, now=NOW)) == [session]
    finally:
        other.close()


async def test_a_lock_at_the_start_is_no_fault_of_the_configuration(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "gate.db", isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("BEGIN IMMEDIATE")
    store = SQLiteStore(tmp_path / "gate.db", busy_timeout=0.05)
    with pytest.raises(StoreUnavailable):
        await store.open()
    other.close()
    await store.open()
    await store.ping()
    await store.close()


async def test_a_store_that_could_not_be_opened_can_be_opened_later(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "later" / "gate.db")
    with pytest.raises(ConfigurationError, match="no folder"):
        await store.open()
    await store.close()
    (tmp_path / "later").mkdir()
    await store.open()
    await store.open()
    row = await swapped(store, await signed_in(store))
    await store.close()
    await store.open()
    assert await store.find(row.sid) == row
    await store.close()


async def test_a_folder_without_access_is_named_at_start(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o000)
    with as_a_user_without_rights(), pytest.raises(ConfigurationError, match=r"shut.*[Pp]ermission denied"):
        await SQLiteStore(shut / "gate.db").open()


@pytest.mark.parametrize("fork", ["os.fork", "hookless_fork"], ids=["os.fork", "as uWSGI forks"])
async def test_a_fork_of_the_process_is_told_and_does_not_wait_for_ever(tmp_path: Path, fork: str) -> None:
    script = FORK.replace("fork()", f"{fork}()")
    command = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "gate.db")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.split() == ["StoreUnavailable", "reopened", "parent"], done.stderr


FORK = """
import asyncio, os, sys
from gatepass.errors import StoreUnavailable
from gatepass.stores.sqlite.store import SQLiteStore
from tests.support.hookless_fork import hookless_fork
store = SQLiteStore(sys.argv[1])
asyncio.run(store.open())
if fork() == 0:
    try:
        asyncio.run(store.ping())
    except StoreUnavailable:
        print("StoreUnavailable", flush=True)
    asyncio.run(store.close())
    asyncio.run(store.open())
    asyncio.run(store.ping())
    print("reopened", flush=True)
    os._exit(0)
os.wait()
asyncio.run(store.ping())
print("parent")
asyncio.run(store.close())
"""


async def test_a_change_of_several_statements_is_stored_whole_or_not_at_all(store: SQLiteStore, tmp_path: Path) -> None:
    session = await signed_in(store)
    with no_file_may_grow_beyond((tmp_path / "gate.db-wal").stat().st_size), pytest.raises(StoreUnavailable):
        await store.change_password(session.account_id, password_hash="x", credential_version=1, now=NOW, keep=None)
    assert await store.find(session.sid) == session
    assert await store.add(session_of(account_of(), "phone"), credential_version=1)
