"""The store on SQLite: the battery, the machine, and what can happen only to a file."""

import asyncio
import itertools
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Store
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from gatepass.testing.machine import StoreMachine
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of, swapped
from tests.support import preloaded
from tests.support.full import FULL


class TestSQLiteStore(StoreBattery, SharedBattery):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
        store = SQLiteStore(tmp_path / "gate.db")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store: SQLiteStore, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
        other = SQLiteStore(tmp_path / "gate.db")
        await other.open()
        yield other
        await other.close()


@pytest.fixture
def busy_timeout() -> float:
    return 0.1


_files = itertools.count()


@pytest.fixture(autouse=True)
def _folder_of_the_machine(tmp_path: Path) -> None:
    SQLiteMachine.folder = tmp_path


class SQLiteMachine(StoreMachine):
    folder: Path

    def make_store(self) -> Store:
        return SQLiteStore(self.folder / f"machine{next(_files)}.db")


TestSQLiteMachine = pytest.mark.slow(SQLiteMachine.TestCase)
# Each example makes a database.
TestSQLiteMachine.settings = settings(TestSQLiteMachine.settings, max_examples=50 if FULL else 12)


async def test_what_was_acknowledged_is_there_after_reopening(tmp_path: Path) -> None:
    first = SQLiteStore(tmp_path / "gate.db")
    await first.open()
    row = await swapped(first, await signed_in(first))
    await first.close()
    second = SQLiteStore(tmp_path / "gate.db")
    await second.open()
    assert await second.find(row.sid) == row
    await second.close()


@pytest.mark.slow
async def test_every_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    process = preloaded.start([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    process.stdout.close()
    store = SQLiteStore(path)
    await store.open()
    row = await store.find(session_of(account_of()).sid)
    await store.close()
    assert row is not None
    assert row.generation >= acknowledged[-1] >= 199


WRITER = """
import asyncio, sys
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.records import signed_in, swapped
async def main():
    store = SQLiteStore(sys.argv[1])
    await store.open()
    row = await signed_in(store)
    while True:
        row = await swapped(store, row)
        print(row.generation, flush=True)
asyncio.run(main())
"""


async def test_a_full_disk_is_an_ill_store_and_passes(store: SQLiteStore) -> None:
    session = await signed_in(store)
    await store._run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    account = account_of()
    with pytest.raises(StoreUnavailable):
        for number in range(1_000):
            await store.add(session_of(account, f"{number}", client="x" * 500), credential_version=1)
    assert await store.find(session.sid) == session
    await store._run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert await store.add(session_of(account, "after"), credential_version=1)


async def test_another_program_that_holds_the_file_makes_the_store_ill_for_so_long(
    store: SQLiteStore, tmp_path: Path
) -> None:
    session = await signed_in(store)
    other = sqlite3.connect(tmp_path / "gate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.swap(swap_of(session))
    with pytest.raises(StoreUnavailable):
        await store.ping()
    other.execute("ROLLBACK")
    other.close()
    assert await store.swap(swap_of(session)) is not None


async def test_a_fault_of_one_operation_leaves_its_batch_alone(store: SQLiteStore) -> None:
    session = await signed_in(store)
    results = await asyncio.gather(
        store.swap(swap_of(session)),
        store.find(object()),  # type: ignore[arg-type]
        store.revoke(session.sid, reason="revoked", now=NOW),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False]


async def test_a_half_done_operation_is_undone_whole(store: SQLiteStore) -> None:
    session = await signed_in(store)
    account = await store.find_account(session.account_id)

    def fail_half_way(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE account SET password_hash = 'half'")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._atomically(fail_half_way)
    assert await store.find_account(session.account_id) == account


async def test_a_cancelled_caller_harms_nobody(store: SQLiteStore) -> None:
    session = await signed_in(store)
    task = asyncio.create_task(store.swap(swap_of(session)))
    await asyncio.sleep(0)
    task.cancel()
    await store.ping()  # behind the swap: what is written keeps its order
    row = await store.find(session.sid)
    assert row is not None
    assert row.generation == 0


async def test_two_event_loops_can_share_a_store(store: SQLiteStore) -> None:
    session = await signed_in(store)
    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(store.find(session.sid))))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found == [session]


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "gate.db")
    with pytest.raises(StoreUnavailable):
        await store.ping()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.ping()


async def test_work_accepted_before_closing_is_finished(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "gate.db")
    await store.open()
    session = await signed_in(store)
    pending = asyncio.create_task(store.swap(swap_of(session)))
    await asyncio.sleep(0)
    await store.close()
    assert await pending is not None


async def test_the_file_is_for_its_owner_alone(store: SQLiteStore, tmp_path: Path) -> None:
    await signed_in(store)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("gate.db*")} == {0o600}


@pytest.mark.parametrize("name", ["missing/gate.db", "."])
async def test_a_place_that_does_not_do_is_named_at_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.db|folder|database"):
        await SQLiteStore(tmp_path / name).open()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, not a database\n" * 100)
    with pytest.raises(ConfigurationError, match=r"notes\.txt"):
        await SQLiteStore(path).open()
    assert path.read_text().startswith("my notes")


def traces(folder: Path, text: str) -> list[str]:
    """The files of a store that contain a text."""
    return sorted(file.name for file in folder.iterdir() if text.encode() in file.read_bytes())


async def test_a_deleted_account_leaves_nothing_in_the_file_nor_in_its_log(store: SQLiteStore, tmp_path: Path) -> None:
    for name in ("canary", "other"):
        await signed_in(store, name=name)
    account = account_of("canary")
    assert traces(tmp_path, account.email) == ["gate.db-wal"]
    await store.delete_account(account.id, now=NOW)
    assert traces(tmp_path, account.email) == []
    assert traces(tmp_path, account_of("other").email) == ["gate.db"]


async def test_a_changed_address_leaves_nothing_of_the_one_before(store: SQLiteStore, tmp_path: Path) -> None:
    account = account_of("canary")
    await store.add_account(account)
    key = account.email_key
    new = {"email": "x@example.org", "email_key": "x@example.org"}
    assert await store.change_email(account.id, credential_version=1, verified_at=NOW, **new)
    assert traces(tmp_path, key) == []


async def test_a_reader_that_needs_the_log_delays_nothing_and_it_is_emptied_once_the_reader_is_gone(
    store: SQLiteStore, tmp_path: Path
) -> None:
    account = account_of("canary")
    session = await signed_in(store, name="other")
    await store.add_account(account)
    reader = sqlite3.connect(tmp_path / "gate.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM account").fetchall()
    assert await store.delete_account(account.id, now=NOW) is not None
    session = await swapped(store, session)
    assert traces(tmp_path, account.email) != []
    reader.execute("COMMIT")
    reader.close()
    await swapped(store, session)
    assert traces(tmp_path, account.email) == []


async def test_a_reader_that_stayed_long_leaves_no_long_log_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup or an open shell keeps all that is written meanwhile in the -wal file."""
    monkeypatch.setattr("gatepass.stores.sqlite.file.MAX_LOG", 100_000)
    store = SQLiteStore(tmp_path / "gate.db")
    await store.open()
    await store.add_account(account_of())
    reader = sqlite3.connect(tmp_path / "gate.db")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM session").fetchone()
    for number in range(400):
        await store.add(session_of(account_of(), f"{number}"), credential_version=1)
    log = tmp_path / "gate.db-wal"
    assert log.stat().st_size > 4_200_000
    reader.close()
    for number in range(2):  # the first copies the log into the file, the second begins it anew
        await store.add(session_of(account_of(), f"after {number}"), credential_version=1)
    assert log.stat().st_size <= 100_000
    await store.close()
