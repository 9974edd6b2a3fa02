"""A diagnosis reads the file of a running server and changes nothing."""

import sqlite3
from pathlib import Path

import pytest

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Attempts
from gatepass.stores.migrations import load
from gatepass.stores.sqlite.read_only import read_attempts, read_state
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.records import NOW


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file with one failed sign-in in it."""
    path = tmp_path / "gate.db"
    store = SQLiteStore(path)
    await store.open()
    await store.count_failure(["ann"], now=NOW, forget_before=0)
    await store.close()
    return path


def test_counts_are_read_in_the_order_of_the_keys(path: Path) -> None:
    assert read_attempts(path, ["bob", "ann"]) == (Attempts(0, 0), Attempts(1, NOW))


def test_the_state_names_what_the_next_start_would_apply(path: Path) -> None:
    newest = load("sqlite")[-1]
    state = read_state(path)
    assert (state.journal_mode, state.version, list(state.pending)) == ("wal", newest.version, [])
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM gatepass_schema WHERE version = ?", (newest.version,))
    connection.close()
    state = read_state(path)
    assert (state.version, list(state.pending)) == (newest.version - 1, [newest.name])


def test_a_schema_of_another_program_is_named(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gatepass_schema SET version = 999 WHERE version = 1")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer than this program"):
        read_state(path)


@pytest.mark.parametrize("content", [None, b"my notes, not a database\n" * 100, b""])
def test_a_file_that_cannot_be_read_is_neither_created_nor_changed(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    for read in (read_state, lambda file: read_attempts(file, ["ann"])):
        with pytest.raises(StoreUnavailable) as raised:
            read(path)
        assert isinstance(raised.value.__cause__, sqlite3.Error)
    assert (path.read_bytes() if path.exists() else None) == content
