"""Verbs of several statements or rows on PostgreSQL, while another transaction is under way or fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.core.claims_mark import first_number
from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, account_of, session_of
from tools.services.postgres import connected, empty_database, until_a_lock_is_waited_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def store() -> AsyncIterator[PostgresStore]:
    store = PostgresStore(await empty_database())
    await store.open()
    yield store
    await store.close()


async def test_every_account_that_is_marked_gets_at_least_the_number_that_is_told(store: PostgresStore) -> None:
    """Guards refuse tokens below the number that is told here: no token of a lower one could be made that passes."""
    async with connected(store._url.dsn) as other:
        async with other.transaction():
            await other.fetch(store._claims_sql.mark, ["ann"], first_number(NOW + 2), 0)
            marking = asyncio.create_task(store.mark_claims(["ann", "bob"], now=NOW, within=0))
            await until_a_lock_is_waited_for(other)
        told = await marking
    for account_id in ("ann", "bob"):
        assert await store.claims_number(account_id) >= told
    assert await store.claims_number("ann") == first_number(NOW + 2)


async def test_a_deletion_of_old_sessions_that_fails_leaves_no_row_of_a_deleted_account_for_ever(
    store: PostgresStore,
) -> None:
    account = account_of()
    await store.add_account(account)
    await store.add(session_of(account), credential_version=1)
    assert await store.delete_account(account.id, now=NOW) is not None
    async with connected(store._url.dsn) as other:
        async with other.transaction():
            await other.execute(f"SELECT 1 FROM {store._url.schema}.account FOR UPDATE")
            pruning = asyncio.create_task(store.prune(before=NOW + 1, limit=10))
            await until_a_lock_is_waited_for(other)
            await other.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            with pytest.raises(StoreUnavailable):
                await pruning
        assert await store.prune(before=NOW + 1, limit=10) == 1
        assert await other.fetchval(f"SELECT count(*) FROM {store._url.schema}.account") == 0
