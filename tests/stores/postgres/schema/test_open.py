"""The tables on PostgreSQL: which roles may make them, and what a server needs that opens them."""

import asyncio

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import ConfigurationError
from gatepass.stores import migrations
from gatepass.stores.migrations import Migration
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, digest, signed_in, swapped
from tests.stores.postgres.schema.tables import tables
from tools.services.postgres import execute, query, shared_server

pytestmark = pytest.mark.slow


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
