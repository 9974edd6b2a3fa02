"""A whole copy of a SQLite file that is in use. A plain copy of the file lacks what is in its log (`-wal`)."""

import contextlib
import os
import sqlite3
from pathlib import Path

from gatepass.errors import ConfigurationError
from gatepass.stores.sqlite.file import connect_read_only

BUSY_TIMEOUT = 10.0
"""Seconds that the copy waits for a lock of the server."""


def copy_database(source: Path, target: Path, *, replace: bool) -> int:
    """Copy `source` as it is at one moment, for its owner alone. Returns the bytes of the copy.

    The target appears when it is whole and checked; it is overwritten only with `replace`. Raises ConfigurationError.
    """
    if not source.is_file():
        raise ConfigurationError(f"There is no file {source}.")
    if target.exists() and (not replace or target.samefile(source)):
        raise ConfigurationError(f"{target} exists. Name another file, or say --replace.")
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _copy(source, part)
        _remove_beside(target, "-wal", "-shm", "-journal")  # what SQLite would apply to the copy
        os.replace(part, target)
        _flush(target.absolute().parent)
    except (OSError, sqlite3.Error) as fault:
        raise ConfigurationError(f"{source} cannot be copied to {target}: {fault}.") from None
    finally:
        _remove_beside(part, "", "-wal", "-shm")
    return target.stat().st_size


def _copy(source: Path, part: Path) -> None:
    with (
        contextlib.closing(connect_read_only(source, busy_timeout=BUSY_TIMEOUT)) as there,
        contextlib.closing(sqlite3.connect(part)) as here,
    ):
        there.backup(here)  # in one step, so of one moment
        (verdict,) = here.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    _flush(part)


def _remove_beside(path: Path, *ends: str) -> None:
    for end in ends:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
