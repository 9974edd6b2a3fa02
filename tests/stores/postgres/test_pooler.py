"""The store on PostgreSQL behind a pooler in transaction mode: the same battery, with `pgbouncer=1`."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from tools.services.pooler import pooler
from tools.services.postgres import empty_database, new_database, shared_server

pytestmark = pytest.mark.slow


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a pooler in front of the server."""
    async with pooler(shared_server().port) as between:
        yield between.port


class TestPostgresStoreBehindAPooler(StoreBattery, SharedBattery):
    @pytest.fixture
    async def store(self, port: int) -> AsyncIterator[PostgresStore]:
        store = PostgresStore(f"{await behind(port)}?pgbouncer=1")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store: PostgresStore) -> AsyncIterator[PostgresStore]:
        other = PostgresStore(f"{store._url.dsn}?pgbouncer=1")
        await other.open()
        yield other
        await other.close()


async def behind(port: int) -> str:
    """The URL of the empty database through the pooler."""
    name = (await empty_database()).rpartition("/")[2]
    return shared_server().url(name, port=port)


async def test_the_pooler_keeps_nothing_between_two_transactions(port: int) -> None:
    """Otherwise the battery would prove nothing here."""
    connection = await asyncpg.connect(await behind(port), statement_cache_size=0)
    try:
        await connection.execute("SET application_name = 'mine'")
        assert await connection.fetchval("SHOW application_name") != "mine"
        prepared = await connection.prepare("SELECT 1", name="mine")
        await prepared.fetch()
        with pytest.raises(asyncpg.InvalidSQLStatementNameError):
            await prepared.fetch()
    finally:
        await connection.close()


async def test_a_server_setting_is_not_sent_to_a_pooler_which_would_refuse_it(port: int) -> None:
    with pytest.raises(asyncpg.PostgresError, match="unsupported startup parameter"):
        await asyncpg.connect(await behind(port), server_settings={"jit": "off"})
    store = PostgresStore(f"{await behind(port)}?pgbouncer=1&synchronous_commit=local")
    await store.open()
    await store.close()


async def test_migrations_work_through_a_pooler(port: int) -> None:
    name = (await new_database(shared_server(), migrated=False)).rpartition("/")[2]
    store = PostgresStore(shared_server().url(name, port=port, options="pgbouncer=1"))
    results = await asyncio.gather(*(store.migrate() for _ in range(2)))
    assert [] in results
    assert await store.pending() == []
