"""The store on PostgreSQL: the battery, the machine, and what only a server can go through."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from gatepass.ports import Store
from gatepass.stores.postgres import PostgresStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from gatepass.testing.machine import StoreMachine
from tests.support.postgres import empty_database


class TestPostgresStore(StoreBattery, SharedBattery):
    @pytest.fixture
    async def store(self) -> AsyncIterator[PostgresStore]:
        store = PostgresStore(await empty_database())
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store: PostgresStore) -> AsyncIterator[PostgresStore]:
        other = PostgresStore(store._address.dsn)
        await other.open()
        yield other
        await other.close()


class PostgresMachine(StoreMachine):
    def make_store(self) -> Store:
        return PostgresStore(asyncio.run(empty_database()))


TestPostgresMachine = PostgresMachine.TestCase
TestPostgresMachine.settings = settings(TestPostgresMachine.settings, max_examples=30, deadline=None)
