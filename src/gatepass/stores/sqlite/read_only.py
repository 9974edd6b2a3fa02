"""Reads the SQLite file of a running server without ever writing it: for `gatepass doctor`.

A store that is opened migrates the schema and creates the file. A diagnosis must do neither, so it opens the file with
`mode=ro`, which also fails if there is no file.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatepass.ports import Attempts
from gatepass.stores.migrations import load, pending
from gatepass.stores.sqlite.store import find_attempts
from gatepass.stores.unavailable import as_unavailable

BUSY_TIMEOUT = 2.0
"""Seconds to wait for a writer that holds the file: a diagnosis is run by a person who waits for it."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The facts about a file that decide whether a server can use it."""

    journal_mode: str
    """`wal` once a server has used the file."""
    version: int
    """The newest migration that was applied."""
    pending: Sequence[str]
    """The names of the migrations that the next start applies."""


def read_state(path: Path) -> FileState:
    """The state of the file.

    Raises StoreUnavailable if it cannot be read, with the error of SQLite as its cause, and ConfigurationError if its
    schema is not one of this program.
    """
    with _open(path) as connection:
        (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        applied = connection.execute("SELECT version, digest FROM gatepass_schema ORDER BY version").fetchall()
    names = tuple(migration.name for migration in pending(load("sqlite"), applied))
    return FileState(journal_mode, max((version for version, _ in applied), default=0), names)


def read_attempts(path: Path, keys: Sequence[str]) -> Sequence[Attempts]:
    """The counts of failed sign-ins under these keys, as `AttemptStore.attempts`. Raises StoreUnavailable."""
    with _open(path) as connection:
        return find_attempts(connection, keys)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as fault:
        raise as_unavailable(fault) from fault
