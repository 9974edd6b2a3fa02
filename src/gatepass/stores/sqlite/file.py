"""A SQLite file and the one connection to it: made with the file, lost with it, made anew where it is past mending."""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gatepass.errors import ConfigurationError, StoreUnavailable

logger = logging.getLogger("gatepass.stores.sqlite")

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class DatabaseFile:
    """The file that was opened, and no other that takes its name."""

    def __init__(self, path: Path, busy_timeout: float, *, read_only: bool = False) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._flushes = True

    def create(self, prepare: Work[None]) -> None:
        """Connect, making the file (for its owner alone) where there is none, and prepare it; or connect read-only."""
        folder = self._path.absolute().parent
        if not folder.is_dir():
            raise ConfigurationError(f"There is no folder {folder} for the database.")
        if self._path.is_dir():
            raise ConfigurationError(f"{self._path} is a folder, not a database.")
        if not self._read_only:
            self._path.touch(mode=0o600)
        self._identity = self._identify()
        connection = self._connect()
        if not self._read_only:
            prepare(connection)

    def connection(self) -> sqlite3.Connection:
        """The connection. Raises OSError where the file is no longer the one that was opened.

        SQLite would go on writing into a deleted file, and what was acknowledged would be gone at the next
        start. A file put in its place is not taken up either: the old -wal beside it would spoil it.
        """
        if self._identify() != self._identity:
            raise FileNotFoundError(f"{self._path} was replaced while in use; start again to use the new one")
        return self._connection or self._connect()

    def flush_at_commit(self, flushes: bool) -> None:
        """With WAL, NORMAL keeps the file whole whatever happens; FULL flushes each commit as well."""
        if self._connection is not None and flushes != self._flushes:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if flushes else 'NORMAL'}")
            self._flushes = flushes

    def roll_back(self) -> None:
        """After a failed batch: leave no transaction, or no connection."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            logger.exception("SQLite could not roll back; connecting anew")
            self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                logger.exception("SQLite could not close its file")

    def explain(self, fault: Exception) -> Exception:
        """Why the file cannot be opened, as a sentence."""
        if getattr(fault, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:  # the low byte: the rest refines it
            return ill(fault)
        if isinstance(fault, OSError | sqlite3.Error):
            return ConfigurationError(f"Cannot use {self._path} as a SQLite database: {fault}.")
        return fault

    def _connect(self) -> sqlite3.Connection:
        """WAL; transactions are ours to begin and to end."""
        if self._read_only:
            self._connection = connect_read_only(self._path, busy_timeout=self._busy_timeout)
            return self._connection
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout, isolation_level=None, cached_statements=64)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._flushes = True
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _identify(self) -> tuple[int, int]:
        status = os.stat(self._path)
        return status.st_dev, status.st_ino


def connect_read_only(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """A connection that cannot write, beside a server that does. Raises sqlite3.Error if there is no such file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=busy_timeout)


def ill(fault: Exception) -> StoreUnavailable:
    """What callers are told; the fault itself is its cause."""
    unavailable = StoreUnavailable()
    unavailable.__cause__ = fault
    return unavailable
