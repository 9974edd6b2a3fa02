"""A SQLite store that is opened read-only reads beside the server that writes the file, and changes nothing."""

from pathlib import Path

import pytest

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.sqlite.store import SQLiteStore


async def test_it_reads_what_another_store_writes_meanwhile(tmp_path: Path) -> None:
    writing = SQLiteStore(tmp_path / "gate.db")
    await writing.open()
    reading = SQLiteStore(tmp_path / "gate.db", read_only=True)
    await reading.open()
    await writing.count_failure(["key"], now=1_000, forget_before=0)
    assert [count.failures for count in await reading.attempts(["key", "other"])] == [1, 0]
    with pytest.raises(StoreUnavailable):
        await reading.count_failure(["key"], now=1_000, forget_before=0)
    assert [count.failures for count in await writing.attempts(["key"])] == [1]
    await reading.close()
    await writing.close()


async def test_it_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot use"):
        await SQLiteStore(tmp_path / "gate.db", read_only=True).open()
    assert list(tmp_path.iterdir()) == []


async def test_it_does_not_migrate(tmp_path: Path) -> None:
    (tmp_path / "gate.db").touch()
    store = SQLiteStore(tmp_path / "gate.db", read_only=True)
    await store.open()
    with pytest.raises(StoreUnavailable):
        await store.attempts(["key"])
    await store.close()
    assert (tmp_path / "gate.db").stat().st_size == 0
