"""`gatepass migrate` on PostgreSQL: from every version to this one, beside servers that go on."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatepass.cli import main
from gatepass.core.account import Account
from gatepass.errors import StoreUnavailable
from gatepass.stores import migrations
from gatepass.stores.migrations import Migration
from gatepass.stores.postgres import pool
from gatepass.stores.postgres.store import PostgresStore
from tests.stores.postgres.schema.tables import tables
from tests.stores.upgraded import TABLES, assert_all_goes_on
from tests.support.gates import SECRET
from tools.services.patience import patience
from tools.services.postgres import connected, execute, new_database, query, shared_server

pytestmark = pytest.mark.slow


def run(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: str) -> tuple[int, str]:
    """`gatepass migrate` with these arguments: exit code and all of its output."""
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_STORE", url)
    done = CliRunner().invoke(main, ["migrate", *arguments])
    return done.exit_code, done.output


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
