"""The tables on PostgreSQL: which roles may make them, what a server needs, what a refresh costs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.core.account import Account
from gatepass.core.policy import DAY
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores import migrations
from gatepass.stores.migrations import Migration
from gatepass.stores.postgres import pool
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, account_of, digest, session_of, signed_in, swapped
from tests.stores.upgraded import TABLES, assert_all_goes_on
from tests.support.gates import SECRET
from tools.services.patience import patience
from tools.services.postgres import connected, execute, new_database, query, shared_server

pytestmark = pytest.mark.slow

CHANGED = {"generation", "fingerprint", "binding", "previous", "committed_at", "last_ip_prefix"}


@pytest.fixture
async def database() -> str:
    """A database without our tables."""
    return await new_database(shared_server(), migrated=False)


@pytest.fixture
async def url() -> str:
    """A database with our tables."""
    return await new_database(shared_server())


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url)
    await store.open()
    yield store
    await store.close()


async def tables(url: str) -> set[str]:
    return set(await query(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gatepass'"))


def run(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: str) -> tuple[int, str]:
    """`gatepass migrate` with these arguments: exit code and all of its output."""
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_STORE", url)
    done = CliRunner().invoke(main, ["migrate", *arguments])
    return done.exit_code, done.output


class TestOpen:
    async def test_it_never_makes_tables_and_names_the_command_that_does(self, database: str) -> None:
        with pytest.raises(ConfigurationError, match="gatepass migrate"):
            await PostgresStore(database).open()
        assert await tables(database) == set()

    async def test_it_refuses_a_schema_that_is_behind_or_ahead(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        known = migrations.load("postgres")
        further = (*known, Migration(99, "0099_more", "CREATE TABLE more ()"))
        monkeypatch.setattr(migrations, "load", lambda _dialect: further)
        with pytest.raises(ConfigurationError, match=r"0099_more.*gatepass migrate"):
            await PostgresStore(url).open()
        assert await PostgresStore(url).migrate() == ["0099_more"]
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        with pytest.raises(ConfigurationError, match="upgrade gatepass"):
            await PostgresStore(url).open()

    async def test_it_runs_on_a_newer_schema_whose_migrations_allow_it(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = migrations.load("postgres")
        line = f"-- Programs of schema {known[-1].version} and later may run on it.\n"
        addition = Migration(98, "0098_more", line + "CREATE TABLE more ();")
        further = Migration(99, "0099_further", "-- Programs of schema 98 and later may run on it.\nSELECT 1;")
        monkeypatch.setattr(migrations, "load", lambda _dialect: (*known, addition))
        assert await PostgresStore(url).migrate() == ["0098_more"]
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        store = PostgresStore(url)
        await store.open()
        assert await swapped(store, await signed_in(store))
        await store.close()
        breaking = "SELECT max(version) FROM gatepass.schema_version"
        assert await query(url, breaking) == [7], "what programs that know no additions read"
        monkeypatch.setattr(migrations, "load", lambda _dialect: (*known, addition, further))
        await execute(url, PostgresStore(url).script(since=98))
        assert await PostgresStore(url).pending() == []
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        with pytest.raises(ConfigurationError, match="upgrade gatepass"):
            await PostgresStore(url).open()

    async def test_it_refuses_a_server_that_forgets_unless_told_so(self, url: str) -> None:
        name = url.rpartition("/")[2]
        await execute(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
        with pytest.raises(ConfigurationError, match="synchronous_commit"):
            await PostgresStore(url).open()
        for choice in ("local", "off"):
            told = PostgresStore(f"{url}?synchronous_commit={choice}")
            await told.open()
            assert await told._row("SHOW synchronous_commit") == (choice,)
            await told.close()

    async def test_commits_that_are_no_longer_flushed_are_found_while_it_serves(self, url: str) -> None:
        store, told = PostgresStore(url), PostgresStore(f"{url}?synchronous_commit=local")
        for each in (store, told):
            await each.open()
            await each.ping()
            assert list(await each.hazards()) == []
        await execute(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
        await asyncio.gather(*(each.ping() for each in (store, told) for _ in range(8)))  # with new connections
        assert "synchronous_commit is off" in (await store.hazards())[0]
        assert list(await told.hazards()) == []
        for each in (store, told):
            await each.close()

    async def test_it_refuses_a_server_that_takes_no_writes(self, url: str) -> None:
        await execute(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
        with pytest.raises(ConfigurationError, match="no writes"):
            await PostgresStore(url).open()

    @pytest.mark.parametrize(
        ("place", "named"),
        [("missing", "missing"), ("postgres?nonsense=1", "nonsense"), ("postgres?sslmode=nonsense", "URL")],
    )
    async def test_what_no_retry_would_mend_is_named_without_the_password(self, place: str, named: str) -> None:
        url = shared_server().url(place).replace("owner@", "owner:canary@")
        with pytest.raises(ConfigurationError, match=named) as refused:
            await PostgresStore(url).open()
        assert "canary" not in f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__suppress_context__}"

    async def test_a_role_that_can_only_read_and_write_rows_serves(self, url: str) -> None:
        await execute(
            url,
            "DROP ROLE IF EXISTS server; CREATE ROLE server LOGIN; GRANT USAGE ON SCHEMA gatepass TO server;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gatepass TO server",
        )
        store = PostgresStore(url.replace("owner@", "server@"))
        await store.open()
        row = await swapped(store, await signed_in(store))
        async with store.subscribe() as news:
            await store.revoke(row.sid, reason="revoked", now=NOW)
            assert list(await news.next(5)) == [row.sid]
        await store.bury(digest("lost"), now=NOW)
        await store.raise_epoch(NOW)
        await store.mark_claims(["ann"], now=NOW, within=0)
        await store.prune_claims_marks(below=2**60, limit=10)
        await store.ping()
        await store.prune(before=NOW + DAY, limit=10)
        with pytest.raises(ConfigurationError, match="owner"):
            await PostgresStore(url.replace("owner@", "server@") + "?schema=other").migrate()
        await store.close()
        await execute(url, "DROP OWNED BY server; DROP ROLE server")

    async def test_a_role_without_rights_is_told_what_to_grant(self, url: str) -> None:
        await execute(url, "DROP ROLE IF EXISTS nobody; CREATE ROLE nobody LOGIN")
        with pytest.raises(ConfigurationError, match="GRANT USAGE ON SCHEMA gatepass"):
            await PostgresStore(url.replace("owner@", "nobody@")).open()
        await execute(url, "DROP ROLE nobody")

    @pytest.mark.parametrize("newer", ["gatepass.tombstone, gatepass.epoch", "gatepass.claims_mark"])
    async def test_a_role_whose_rights_are_older_than_the_last_migration_is_told_to_grant_again(
        self, url: str, newer: str
    ) -> None:
        await execute(
            url,
            "DROP ROLE IF EXISTS old; CREATE ROLE old LOGIN; GRANT USAGE ON SCHEMA gatepass TO old;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gatepass TO old;"
            f"REVOKE ALL ON {newer} FROM old",
        )
        with pytest.raises(ConfigurationError, match="ON ALL TABLES IN SCHEMA gatepass"):
            await PostgresStore(url.replace("owner@", "old@")).open()
        await execute(url, "DROP OWNED BY old; DROP ROLE old")

    async def test_servers_of_the_version_before_write_the_journal_without_a_right_to_it(self, url: str) -> None:
        await execute(
            url,
            "DROP ROLE IF EXISTS early; CREATE ROLE early LOGIN; GRANT USAGE ON SCHEMA gatepass TO early;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON gatepass.account TO early",
        )
        add = "INSERT INTO gatepass.account VALUES ('early', 'e@example.com', 'e@example.com', 'hash', 1, 1)"
        await execute(url.replace("owner@", "early@"), add)
        assert await query(url, "SELECT kind FROM gatepass.account_change WHERE account_id = 'early'") == ["register"]
        await execute(url, "DROP OWNED BY early; DROP ROLE early")

    async def test_two_schemas_in_one_database_know_nothing_of_each_other(self, url: str) -> None:
        await PostgresStore(f"{url}?schema=second").migrate()
        first, second = PostgresStore(url), PostgresStore(f"{url}?schema=second")
        for store in (first, second):
            await store.open()
        session = await signed_in(first)
        assert await second.find(session.sid) is None
        assert await signed_in(second) == session
        for store in (first, second):
            assert await store.take_change(session.account_id, now=NOW, until=NOW + 1) is not None
            assert await store.take_change(session.account_id, now=NOW, until=NOW + 1) is None
        await first.revoke(session.sid, reason="revoked", now=NOW)
        assert await second.find(session.sid) == session
        for store in (first, second):
            await store.close()


class TestMigrate:
    @pytest.mark.parametrize("version", [2, 3, 6])
    async def test_accounts_rights_and_settings_of_an_earlier_version_are_kept_and_sessions_are_over(
        self, database: str, monkeypatch: pytest.MonkeyPatch, version: int
    ) -> None:
        known = migrations.load("postgres")
        monkeypatch.setattr(migrations, "load", lambda _dialect: known[:version])
        await PostgresStore(database).migrate()
        columns = "id, email, email_key, password_hash, credential_version, created_at, disabled_at"
        await execute(
            database,
            f"INSERT INTO gatepass.account ({columns}) VALUES ('a', 'Ann@x', 'ann@x', 'hash', 3, 1, NULL);"
            "INSERT INTO gatepass.session VALUES (1, 9, 1, 1, 0, NULL, true, 's', 'a', '', NULL, '', '', '', '');"
            'DROP ROLE IF EXISTS "of Old"; CREATE ROLE "of Old" LOGIN; GRANT USAGE ON SCHEMA gatepass TO "of Old";'
            'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA gatepass TO "of Old";'
            "GRANT SELECT ON gatepass.session TO PUBLIC;"
            "ALTER TABLE gatepass.session SET (autovacuum_vacuum_scale_factor = 0.02)",
        )
        if version > 2:
            deleted = (
                f"INSERT INTO gatepass.account ({columns}, deleted_at) VALUES ('b', '', 'deleted b', '', 1, 1, 1, 1)"
            )
            await execute(database, deleted)
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        assert await PostgresStore(database).migrate() == [migration.name for migration in known[version:]]
        store = PostgresStore(database)
        await store.open()
        (account,) = await store.list_accounts(after="", limit=9)
        assert account == Account("a", "Ann@x", "ann@x", "hash", 3, 1)
        assert await query(database, "SELECT count(*) FROM gatepass.account") == [1], "a deleted one is gone with them"
        assert await store.find(b"s") is None
        assert await store.epoch() > (await store.time() or 0), "guards refuse their access tokens"
        await store.close()
        rights = "SELECT grantee || ' ' || privilege_type FROM information_schema.table_privileges "
        rights += "WHERE table_schema = 'gatepass' AND table_name = 'session' AND grantee <> 'owner'"
        verbs = ("DELETE", "INSERT", "SELECT", "UPDATE")
        assert sorted(await query(database, rights)) == ["PUBLIC SELECT", *(f"of Old {verb}" for verb in verbs)]
        settings = "SELECT unnest(reloptions) FROM pg_class WHERE relname = 'session' ORDER BY 1"
        assert await query(database, settings) == ["autovacuum_vacuum_scale_factor=0.02", "fillfactor=80"]
        await execute(database, 'DROP OWNED BY "of Old"; DROP ROLE "of Old"')

    @pytest.mark.parametrize("version", [8, 9, 10, 11])
    async def test_sessions_since_schema_8_go_on_and_no_hook_hears_of_accounts_of_before(
        self, database: str, monkeypatch: pytest.MonkeyPatch, version: int
    ) -> None:
        known = migrations.load("postgres")
        monkeypatch.setattr(migrations, "load", lambda _dialect: known[:version])
        await PostgresStore(database).migrate()
        of_table = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'gatepass' AND table_name ="
        async with connected(database) as connection:
            for table, row in TABLES.items():
                columns = [name for name in await query(database, f"{of_table} '{table}'") if name in row]
                values = [bool(row[name]) if name == "remember" else row[name] for name in columns]
                places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
                await connection.execute(
                    f"INSERT INTO gatepass.{table} ({', '.join(columns)}) VALUES ({places})", *values
                )
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        assert await PostgresStore(database).migrate() == [migration.name for migration in known[version:]]
        store = PostgresStore(database)
        await store.open()
        await assert_all_goes_on(store)
        await store.close()

    async def test_a_new_database_has_no_epoch(self, url: str) -> None:
        assert await query(url, "SELECT at FROM gatepass.epoch") == []

    @pytest.mark.parametrize(("version", "table"), [(3, "account"), (7, "session")])
    async def test_it_gives_up_on_a_lock_instead_of_holding_up_every_sign_in(
        self, database: str, monkeypatch: pytest.MonkeyPatch, version: int, table: str
    ) -> None:
        known = migrations.load("postgres")
        before, step, after = known[: version - 1], known[version - 1], known[version:]
        monkeypatch.setattr(migrations, "load", lambda _dialect: before)
        await PostgresStore(database).migrate()
        hasty = replace(step, sql=step.sql.replace("'5s'", "'50ms'"))
        assert hasty.sql != step.sql
        monkeypatch.setattr(migrations, "load", lambda _dialect: (*before, hasty, *after))
        async with connected(database) as other, other.transaction():
            await other.execute(f"LOCK TABLE gatepass.{table} IN ROW EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailable):
                await PostgresStore(database).migrate()
        assert await PostgresStore(database).migrate() == [migration.name for migration in known[version - 1 :]]

    async def test_an_owner_without_other_rights_migrates(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        known = migrations.load("postgres")
        await execute(
            database,
            "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; DROP ROLE IF EXISTS gate; CREATE ROLE gate;"
            f"GRANT CREATE ON DATABASE {database.rpartition('/')[2]} TO plain",
        )
        plain = database.replace("owner@", "plain@")
        monkeypatch.setattr(migrations, "load", lambda _dialect: known[:6])
        await PostgresStore(plain).migrate()
        await execute(plain, "GRANT SELECT ON gatepass.session TO gate WITH GRANT OPTION")
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        await PostgresStore(plain).migrate()
        grantable = "SELECT has_table_privilege('gate', 'gatepass.session', 'SELECT WITH GRANT OPTION')"
        assert await query(plain, grantable) == [True]
        await execute(database, "DROP OWNED BY plain, gate CASCADE; DROP ROLE plain; DROP ROLE gate")

    def test_check_says_what_is_missing_migrate_applies_it_once(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        url = asyncio.run(new_database(shared_server(), migrated=False))
        names = [migration.name for migration in migrations.load("postgres")]
        code, said = run(monkeypatch, url, "--check")
        assert (code, all(name in said for name in names), "gatepass migrate" in said) == (1, True, True)
        assert asyncio.run(tables(url)) == set()
        assert run(monkeypatch, url) == (0, "".join(f"applied {name}\n" for name in names))
        assert run(monkeypatch, url) == (0, "The database is up to date.\n")
        assert run(monkeypatch, url, "--check") == (0, "The database is up to date.\n")

    @pytest.mark.parametrize(("version", "warns"), [(6, True), (7, False)])
    def test_it_says_that_a_migration_will_end_every_session(
        self, database: str, monkeypatch: pytest.MonkeyPatch, version: int, warns: bool
    ) -> None:
        known = migrations.load("postgres")
        monkeypatch.setattr(migrations, "load", lambda _dialect: known[:version])
        assert "Every session ends" not in run(monkeypatch, database)[1], "a new database has none"
        monkeypatch.setattr(migrations, "load", lambda _dialect: known)
        assert ("Every session ends" in run(monkeypatch, database, "--check")[1]) == warns
        assert ("Every session ends" in run(monkeypatch, database)[1]) == warns

    def test_the_printed_sql_makes_what_migrate_makes(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        url = asyncio.run(new_database(shared_server(), migrated=False))
        first, *later = migrations.load("postgres")
        code, script = run(monkeypatch, url, "--sql")
        assert code == 0
        assert asyncio.run(tables(url)) == set()
        asyncio.run(execute(url, script))
        assert run(monkeypatch, url, "--check")[0] == 0
        _, rest = run(monkeypatch, url, "--sql", "--from", str(first.version))
        assert first.sql.strip() not in rest
        assert all(migration.sql.strip() in rest for migration in later)
        assert run(monkeypatch, url, "--from", "1")[0] == 2

    def test_a_store_that_looks_after_itself_is_left_to_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run(monkeypatch, "sqlite:///gate.db", "--check")[0] == 0
        assert run(monkeypatch, "sqlite:///gate.db", "--sql")[0] == 1

    async def test_of_several_at_once_one_migrates_and_the_others_find_nothing_to_do(self, database: str) -> None:
        results = await asyncio.gather(*(PostgresStore(database).migrate() for _ in range(4)))
        names = [migration.name for migration in migrations.load("postgres")]
        assert sorted(results, key=len) == [[], [], [], names]

    async def test_it_waits_for_another_one_however_long_that_takes(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "COMMAND_TIMEOUT", 1.0)
        monkeypatch.setitem(pool._SESSION_SETTINGS, "statement_timeout", "1s")
        async with connected(database) as other:
            await other.execute(f"SELECT pg_advisory_lock({migrations._LOCK})")
            waiting = asyncio.create_task(PostgresStore(database).migrate())
            async with patience():
                while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert not waiting.done()
            assert await asyncio.wait([waiting], timeout=1.2) == (set(), {waiting})
        assert await waiting == [migration.name for migration in migrations.load("postgres")]

    async def test_one_that_fails_leaves_nothing_behind(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = (*migrations.load("postgres"), Migration(99, "0099_broken", "CREATE TABLE c (); SELECT 1 / 0"))
        monkeypatch.setattr(migrations, "load", lambda _dialect: broken)
        with pytest.raises(Exception, match=r".") as failed:
            await PostgresStore(database).migrate()
        assert type(failed.value).__module__.startswith("gatepass.")
        assert await query(database, "SELECT 1 FROM pg_namespace WHERE nspname = 'gatepass'") == []


class TestWhatARefreshCosts:
    async def test_no_index_stands_on_what_a_refresh_changes(self, url: str) -> None:
        indexed = set(
            await query(
                url,
                "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indexrelid "
                "WHERE indrelid = 'gatepass.session'::regclass",
            )
        )
        assert {"sid", "account_id", "expires_at", "revoked_at"} == indexed
        assert indexed.isdisjoint(CHANGED)

    async def test_nine_in_ten_refreshes_touch_no_index(self, url: str) -> None:
        store = PostgresStore(url)
        await store.open()
        account = account_of()
        await store.add_account(account)
        rows = [session_of(account, f"{number}") for number in range(200)]
        await asyncio.gather(*(store.add(row, credential_version=1) for row in rows))
        for _ in range(30):
            rows = list(await asyncio.gather(*(swapped(store, row) for row in rows)))
        await store.close()
        updates, hot = await updates_once_counted(url, at_least=200 * 30)
        assert hot > 0.9 * updates

    async def test_a_refresh_writes_at_most_250_bytes_of_log(self, store: PostgresStore, url: str) -> None:
        row = await signed_in(store)
        for _ in range(20):  # until its page has been written once
            row = await swapped(store, row)
        async with connected(url) as observer:
            start = await observer.fetchval("SELECT pg_current_wal_insert_lsn()")
            for _ in range(100):
                row = await swapped(store, row)
            used = await observer.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)", start)
        assert used / 100 < 250

    async def test_refreshes_at_once_share_their_commits_and_one_alone_has_its_own(
        self, store: PostgresStore, url: str
    ) -> None:
        rows = [await signed_in(store, device=f"{number}") for number in range(64)]
        count = "SELECT txid_snapshot_xmax(txid_current_snapshot())"
        (start,) = await query(url, count)
        rows = list(await asyncio.gather(*(swapped(store, row) for row in rows)))
        (together,) = await query(url, count)
        for row in rows:
            await swapped(store, row)
        (singly,) = await query(url, count)
        assert together - start <= 8
        assert singly - together >= 64

    async def test_the_swap_looks_a_row_up_by_its_sid(self, store: PostgresStore) -> None:
        await signed_in(store)
        values = ("1", "''", "''", "''", "1", "''", "''", "0", "''", "''", "false")
        statement = store._swap_sql
        for place in range(len(values), 0, -1):
            statement = statement.replace(f"${place}", values[place - 1])
        plan = [row[0] for row in await store._rows(f"EXPLAIN {statement}")]
        assert any("Index Scan using session_pkey" in line for line in plan)

    async def test_a_sweep_leaves_alone_what_another_transaction_holds(self, store: PostgresStore, url: str) -> None:
        sessions = [await signed_in(store, device=name) for name in ("held", "free")]
        async with connected(url) as other, other.transaction():
            await other.execute("SELECT 1 FROM gatepass.session WHERE sid = $1 FOR UPDATE", sessions[0].sid)
            assert await store.prune(before=sessions[0].expires_at + 1, limit=10) == 1
        assert await store.prune(before=sessions[0].expires_at + 1, limit=10) == 1


async def updates_once_counted(url: str, *, at_least: int) -> tuple[int, int]:
    """All updates of sessions, and those that changed no index. A server process reports them when it ends."""
    counts = "SELECT ARRAY[n_tup_upd, n_tup_hot_upd] FROM pg_stat_user_tables WHERE relname = 'session'"
    async with patience():
        while (found := (await query(url, counts))[0])[0] < at_least:
            await asyncio.sleep(0)
    return found[0], found[1]
