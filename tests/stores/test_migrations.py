"""The schema: made once, migrated, never guessed."""

import sqlite3
import time
from pathlib import Path

import pytest

from gatepass.core.account import Account
from gatepass.errors import ConfigurationError
from gatepass.stores import open_store, rows
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.migrations import Applied, Migration, applied_to_sqlite, load, migrate_sqlite, pending
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.records import account_of, session_of
from tests.stores.upgraded import TABLES, assert_all_goes_on

ONE, TWO = Migration(1, "0001_one", "CREATE TABLE a (b)"), Migration(2, "0002_two", "CREATE TABLE c (d)")


def test_only_what_is_missing_is_applied_in_order() -> None:
    assert pending((ONE, TWO), []) == [ONE, TWO]
    assert pending((ONE, TWO), [Applied(1, ONE.digest)]) == [TWO]
    assert pending((ONE, TWO), [Applied(1, ONE.digest), Applied(2, TWO.digest)]) == []


def test_a_database_of_a_newer_program_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="upgrade gatepass"):
        pending((ONE,), [Applied(1, ONE.digest), Applied(2, TWO.digest)])


def test_a_program_runs_on_a_newer_database_as_far_back_as_its_additions_say() -> None:
    """In a rolling upgrade a server of the version before that crashes must be able to start again."""
    newer = [Applied(1, ONE.digest), Applied(2, TWO.digest, oldest=1), Applied(3, "later", oldest=2)]
    assert pending((ONE, TWO), newer) == []
    with pytest.raises(ConfigurationError, match="version 3, newer than this program, which knows 1"):
        pending((ONE,), newer)
    assert pending((ONE,), newer[:2]) == []


def test_an_addition_says_so_in_its_first_line_and_is_recorded_where_programs_of_schema_3_do_not_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addition = Migration(2, "0002_more", "-- Programs of schema 1 and later may run on it.\nCREATE TABLE c (d);\n")
    breaking = Migration(3, "0003_break", "-- What programs may run on it stands elsewhere.\nDROP TABLE a;\n")
    assert (addition.oldest, breaking.oldest) == (1, None)
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE, addition))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    of_schema_3 = "SELECT version FROM gatepass_schema ORDER BY version"  # and refuses a version that it does not know
    assert connection.execute(of_schema_3).fetchall() == [(1,)]
    assert list(applied_to_sqlite(connection)) == [Applied(1, ONE.digest), Applied(2, addition.digest, 1)]
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE,))
    migrate_sqlite(connection)
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE, addition, breaking))
    migrate_sqlite(connection)
    assert connection.execute(of_schema_3).fetchall() == [(1,), (3,)]
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE, addition))
    with pytest.raises(ConfigurationError, match="upgrade gatepass"):
        migrate_sqlite(connection)
    connection.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_every_migration_since_schema_3_says_which_programs_may_run_on_it_but_the_one_that_ends_all_sessions(
    dialect: str,
) -> None:
    breaking = [each.name for each in load(dialect) if each.version > 3 and each.oldest is None]
    assert breaking == ["0007_bound_sessions"]


def test_a_file_that_changed_after_it_ran_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0001_one"):
        pending((ONE,), [Applied(1, TWO.digest)])


def test_a_migration_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration(2, "0002_broken", "CREATE TABLE c (d);\nNONSENSE;\n")
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE, broken))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate_sqlite(connection)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()


def test_running_twice_changes_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    migrate_sqlite(connection)
    first = applied_to_sqlite(connection)
    migrate_sqlite(connection)
    assert applied_to_sqlite(connection) == first
    assert len(first) == len(load("sqlite"))
    connection.close()


@pytest.mark.parametrize("version", [2, 3, 6])
async def test_accounts_of_an_earlier_version_are_kept_and_sessions_are_over(tmp_path: Path, version: int) -> None:
    at_migration = int(time.time())
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gatepass.stores.migrations.load", lambda dialect: load(dialect)[:version])
        migrate_sqlite(connection)
    columns = "id, email, email_key, password_hash, credential_version, created_at, disabled_at"
    connection.execute(f"INSERT INTO account ({columns}) VALUES ('a', 'Ann@x', 'ann@x', 'hash', 3, 1, NULL)")
    connection.execute(
        "INSERT INTO session VALUES (?, 'a', 0, X'00', X'00', 1, X'', 1, 9, 1, 1, 'Firefox', '', NULL, NULL)",
        (b"s" * 16,),
    )
    connection.close()
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    account = Account("a", "Ann@x", "ann@x", "hash", 3, 1)
    assert await store.find_account_by_email("ann@x") == account
    assert await store.find(b"s" * 16) is None
    assert await store.epoch() > at_migration, "guards refuse the access tokens of a session that has no row any more"
    await store.add(session_of(account, created_at=1), credential_version=3)
    assert [row.client for row in await store.list_for_account("a", now=2)] == ["Firefox on Linux"]
    await store.close()


@pytest.mark.parametrize("version", [8, 9, 10, 11])
async def test_sessions_since_schema_8_go_on_and_no_hook_hears_of_accounts_of_before(
    tmp_path: Path, version: int
) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gatepass.stores.migrations.load", lambda dialect: load(dialect)[:version])
        migrate_sqlite(connection)
    for table, row in TABLES.items():
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name in row]
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        connection.execute(insert, [row[name] for name in columns])
    connection.close()
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    await assert_all_goes_on(store)
    await store.close()


async def test_a_new_database_has_no_epoch_and_an_upgraded_one_keeps_a_later_one(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "new.db")
    await store.open()
    assert await store.epoch() == 0
    await store.close()
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gatepass.stores.migrations.load", lambda dialect: load(dialect)[:6])
        migrate_sqlite(connection)
    later = int(time.time()) + 1_000
    connection.execute("INSERT INTO account VALUES ('a', 'Ann@x', 'ann@x', 'hash', 3, 1, NULL, NULL, NULL, NULL, NULL)")
    connection.execute("INSERT INTO account VALUES ('b', '', 'deleted b', '', 1, 1, 1, NULL, 1, NULL, NULL)")
    connection.execute("INSERT INTO epoch VALUES (1, ?)", (later,))
    migrate_sqlite(connection)
    assert connection.execute("SELECT at FROM epoch").fetchall() == [(later,)]
    assert connection.execute("SELECT id FROM account").fetchall() == [("a",)], "a deleted one waited for its sessions"
    connection.close()


def test_no_index_stands_on_what_a_refresh_changes(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    migrate_sqlite(connection)
    indexes = connection.execute("SELECT name FROM pragma_index_list('session')").fetchall()
    indexed = {
        column
        for (name,) in indexes
        for (column,) in connection.execute("SELECT name FROM pragma_index_info(?)", (name,))
    }
    changed = {"generation", "fingerprint", "binding", "previous", "committed_at", "last_ip_prefix"}
    assert indexed.isdisjoint(changed)
    assert indexed
    connection.close()


def test_a_store_is_chosen_by_its_url() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)
    relative, absolute = open_store("sqlite:///gate.db"), open_store("sqlite:////var/lib/gate.db")
    assert isinstance(relative, SQLiteStore)
    assert isinstance(absolute, SQLiteStore)
    assert relative._path == Path("gate.db")
    assert absolute._path == Path("/var/lib/gate.db")


def test_a_url_that_would_quietly_keep_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="memory://"):
        open_store("sqlite:///:memory:")


def test_a_refused_url_is_not_repeated_where_it_may_hold_a_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store("mysql://gate:canary@db/gate")
    assert "canary" not in str(refused.value)


def test_the_last_statement_of_a_file_may_lack_its_semicolon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.stores.migrations.load", lambda _dialect: (ONE, TWO))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert tables == {"a", "c", "gatepass_schema", "gatepass_schema_addition"}
    connection.close()


@pytest.mark.parametrize(
    "url", ["mysql://x", "sqlite://", "sqlite://host/x.db", "sqlite:///x.db?mode=ro", "", "gate.db"]
)
def test_an_unknown_store_is_refused_with_what_there_is(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        open_store(url)


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_the_index_of_hash_kinds_is_on_the_expression_that_is_asked_for(dialect: str) -> None:
    (migration,) = [each for each in load(dialect) if each.name == "0005_sign_in_failures"]
    assert rows.KIND in migration.sql


async def test_a_database_from_before_failures_were_kept_in_rows_is_opened_with_all_that_it_has(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for migration in load("sqlite"):
        if migration.version < 5:
            connection.executescript(migration.sql)
    connection.execute(
        f"INSERT INTO account ({', '.join(rows.ACCOUNT_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows.from_account(account_of()),
    )
    connection.execute(
        "CREATE TABLE gatepass_schema (version INTEGER PRIMARY KEY, name TEXT, digest TEXT, applied_at INTEGER) STRICT"
    )
    for migration in load("sqlite"):
        if migration.version < 5:
            values = (migration.version, migration.name, migration.digest, 0)
            connection.execute("INSERT INTO gatepass_schema VALUES (?, ?, ?, ?)", values)
    connection.close()
    store = SQLiteStore(path)
    await store.open()
    assert await store.find_account(account_of().id) == account_of()
    await store.count_lasting_failure("ann@example.com", key="x", now=5, forget_before=0)
    assert tuple(await store.lasting_failures("ann@example.com", key="x")) == (1, 5)
    assert list(await store.sample_password_hashes()) == [account_of().password_hash]
    await store.close()
