"""The store on PostgreSQL: the battery, the machine, and what can happen only to a server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from gatepass.ports import Store
from gatepass.stores import rows
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from gatepass.testing.machine import StoreMachine
from gatepass.testing.records import NOW, account_of, identity_of, session_of
from tests.support.browser import EMAIL, Browser
from tests.support.full import FULL
from tests.support.gates import WatchedStore, open_gate
from tools.services.postgres import connected, empty_database, until_a_lock_is_waited_for

pytestmark = pytest.mark.slow


class TestPostgresStore(StoreBattery, SharedBattery):
    @pytest.fixture
    async def store(self) -> AsyncIterator[PostgresStore]:
        store = PostgresStore(await empty_database())
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store: PostgresStore) -> AsyncIterator[PostgresStore]:
        other = PostgresStore(store._url.dsn)
        await other.open()
        yield other
        await other.close()


class PostgresMachine(StoreMachine):
    def make_store(self) -> Store:
        return PostgresStore(asyncio.run(empty_database()))


TestPostgresMachine = PostgresMachine.TestCase
TestPostgresMachine.settings = settings(TestPostgresMachine.settings, max_examples=30 if FULL else 7, deadline=None)


async def test_a_sign_in_waits_for_a_password_change_that_is_under_way_and_then_fails() -> None:
    store = PostgresStore(await empty_database())
    await store.open()
    account = account_of()
    await store.add_account(account)
    async with connected(store._url.dsn) as other:
        async with other.transaction():
            await other.execute(store._accounts_sql.change_password, account.id, "new", 1)
            adding = asyncio.create_task(store.add(session_of(account), credential_version=1))
            await until_a_lock_is_waited_for(other)
        assert not await adding
    await store.close()


async def test_a_password_change_waits_for_a_sign_in_that_is_under_way_and_then_ends_it() -> None:
    store = PostgresStore(await empty_database())
    await store.open()
    account = account_of()
    session = session_of(account)
    await store.add_account(account)
    async with connected(store._url.dsn) as other:
        async with other.transaction():
            await other.fetch(store._sql.add, *rows.from_session(session), account.id, 1)
            changing = asyncio.create_task(
                store.change_password(account.id, password_hash="new", credential_version=1, now=NOW, keep=None)
            )
            await until_a_lock_is_waited_for(other)
        assert await changing == (session.sid,)
    await store.close()


async def test_an_identity_waits_for_a_password_change_that_is_under_way_and_is_not_added() -> None:
    """Else one that was linked under the old password would outlive a reset that takes the account back."""
    store = PostgresStore(await empty_database())
    await store.open()
    account = account_of()
    await store.add_account(account)
    async with connected(store._url.dsn) as other:
        async with other.transaction():
            await other.execute(store._accounts_sql.change_password, account.id, "new", 1)
            await other.execute(store._identities_sql.remove_all, account.id)
            adding = asyncio.create_task(store.add_identity(identity_of(account), credential_version=1))
            await until_a_lock_is_waited_for(other)
        assert not await adding
    assert list(await store.list_identities(account.id)) == []
    await store.close()


async def test_what_a_provider_ends_is_found_by_an_index() -> None:
    store = PostgresStore(await empty_database())
    await store.open()
    async with connected(store._url.dsn) as connection:
        await connection.execute("SET enable_seqscan = off")
        for named in ({"subject": "1", "provider_sid": None}, {"subject": None, "provider_sid": "1"}):
            statement, given = store._identities_sql.end_sessions(**named)
            plan = await connection.fetch(f"EXPLAIN {statement}", "https://op.example", NOW, NOW, *given)
            column = "subject" if named["subject"] else "provider_sid"
            assert [row[0] for row in plan if "Index Cond" in row[0] and column in row[0]], plan
    await store.close()


async def test_the_live_sessions_of_an_account_are_found_without_its_ended_ones() -> None:
    store = PostgresStore(await empty_database())
    await store.open()
    async with connected(store._url.dsn) as connection:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {store._sql.list_for_account}", "account", NOW)
    await store.close()
    (condition,) = [row[0] for row in plan if "Index Cond" in row[0]]
    assert "account_id" in condition
    assert "revoked_at IS NULL" in condition


async def test_a_sign_in_with_what_no_column_can_hold_is_refused_like_any_other() -> None:
    async with open_gate(store=WatchedStore(PostgresStore(await empty_database()))) as at:
        assert (await Browser(at.gate.asgi).register()).status == 201
        statuses = [(await Browser(at.gate.asgi).login(f"{EMAIL}\x00")).status for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        assert (await Browser(at.gate.asgi, address="192.0.2.1").login()).status == 200


async def test_the_kinds_of_hashes_are_found_by_their_index() -> None:
    store = PostgresStore(await empty_database())
    await store.open()
    async with connected(store._url.dsn) as connection:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {store._accounts_sql.sample_password_hashes}")
    await store.close()
    steps = [row[0] for row in plan]
    assert not [step for step in steps if "Seq Scan on account" in step]
    assert [step for step in steps if "account_by_hash_kind" in step]
