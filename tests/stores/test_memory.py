"""The store in memory: the reference that others are compared with."""

from collections.abc import AsyncIterator

import pytest

from gatepass.stores.limits import MAX_ATTEMPT_KEYS
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.battery import StoreBattery


class TestMemoryStore(StoreBattery):
    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryStore]:
        store = MemoryStore()
        await store.open()
        yield store
        await store.close()


@pytest.mark.slow
async def test_a_flood_of_invented_addresses_does_not_fill_the_memory() -> None:
    store = MemoryStore()
    await store.count_failure(["first"], now=1, forget_before=0)
    await store.count_failure([str(number) for number in range(MAX_ATTEMPT_KEYS)], now=2, forget_before=0)
    (first, last) = await store.attempts(["first", str(MAX_ATTEMPT_KEYS - 1)])
    assert (first.failures, last.failures) == (0, 1)
