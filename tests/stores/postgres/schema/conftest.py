"""Databases for the tests of this folder, with and without our tables, and a store that is open."""

from collections.abc import AsyncIterator

import pytest

from gatepass.stores.postgres.store import PostgresStore
from tools.services.postgres import new_database, shared_server


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
