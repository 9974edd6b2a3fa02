"""A store on a file of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepass.stores.sqlite.store import SQLiteStore


@pytest.fixture
def busy_timeout() -> float:
    """Seconds that a commit waits for another program. A file whose tests let it run out has a shorter one."""
    return 5.0


@pytest.fixture
async def store(tmp_path: Path, busy_timeout: float) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "gate.db", busy_timeout=busy_timeout)
    await store.open()
    yield store
    await store.close()
