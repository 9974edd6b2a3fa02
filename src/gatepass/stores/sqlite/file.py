"""A SQLite file and the one connection to it, which is replaced when it cannot be repaired."""

import logging
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gatepass.errors import ConfigurationError
from gatepass.stores.unavailable import as_unavailable

logger = logging.getLogger("gatepass.stores.sqlite")

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

MAX_LOG = 16 << 20
"""Bytes of the -wal file that stay once it was longer: four times what it needs without a reader that stays long."""


class DatabaseFile:
    """The file that was opened. Another file that later takes its name is refused."""

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
        if not _is_folder(folder):
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
        """The connection. Raises OSError if the file is no longer the one that was opened.

        SQLite would go on writing to a deleted file, and acknowledged writes would be lost at the next start. A file
        put in its place is not used either: the old -wal file beside it would corrupt it.
        """
        if self._identify() != self._identity:
            raise FileNotFoundError(f"{self._path} was replaced while in use; start again to use the new one")
        return self._connection or self._connect()

    def flush_at_commit(self, flushes: bool) -> None:
        """Choose whether commits are flushed to the disk. In WAL mode the file stays consistent either way."""
        if self._connection is not None and flushes != self._flushes:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if flushes else 'NORMAL'}")
            self._flushes = flushes

    def erase_log(self) -> bool:
        """Move the log into the file and empty it, since it keeps earlier versions of pages.

        Returns False if a reader beside this connection needs it still. Raises sqlite3.Error.
        """
        if self._connection is None:
            return False
        self._connection.execute("PRAGMA busy_timeout=0")  # a backup that reads for minutes must stop no refresh
        try:
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={self._busy_timeout * 1_000:.0f}")
        return not busy

    def roll_back(self) -> None:
        """End the transaction of a failed batch. If SQLite cannot, the connection is closed and replaced."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            logger.exception("SQLite could not roll back; reconnecting")
            self.close()

    def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                logger.exception("SQLite could not close its file")

    def explain(self, fault: Exception) -> Exception:
        """The error for a failed `create`: StoreUnavailable if the file is locked, else a ConfigurationError."""
        primary_code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # the higher bytes say more about it
        if primary_code == sqlite3.SQLITE_BUSY:
            return as_unavailable(fault)
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
            connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only unlinked
            connection.execute(f"PRAGMA journal_size_limit={MAX_LOG}")
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


def _is_folder(path: Path) -> bool:
    """Raises OSError of what this user may not see; of that Path.is_dir() says no from Python 3.14."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
