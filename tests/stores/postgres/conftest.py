"""A store on a database whose tables are emptied for each test."""

from collections.abc import AsyncIterator

import pytest

from gatepass.stores.postgres.store import PostgresStore
from tools.services.postgres import empty_database


@pytest.fixture
async def store() -> AsyncIterator[PostgresStore]:
    store = PostgresStore(await empty_database())
    await store.open()
    yield store
    await store.close()
