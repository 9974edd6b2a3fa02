"""Tells a server process that another one serves from the same SQLite file. One rule, for every way to start servers.

A SQLite file is for one server process, with as many threads as it likes; commands and scripts may write beside it.
(SQLite before 3.51.3 can corrupt a WAL file that several processes write at once.) `gatepass serve --workers` refuses
to start more. Other servers start their processes themselves, so each one that serves tries to hold a lock beside the
file: a process that does not get it says so, and is not ready.
"""

import contextlib
import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class SingleServer:
    """The lock beside one SQLite file; None for stores that processes may share."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._held: IO[bytes] | None = None
        self._process = 0

    def hazard(self) -> str | None:
        """A sentence if another process serves from this file, else None: from now on this process holds the lock."""
        if self._file is None or fcntl is None or self._process == os.getpid():
            return None
        self.release()
        lock = self._file.with_name(self._file.name + "-server").open("ab")
        try:
            # A record lock: it ends with the process, and no forked child has it.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return (
                f"Another server process serves from {self._file.name}. A SQLite file is for one server process: run "
                "one, with threads, or set GATEPASS_STORE=postgresql://…"
            )
        self._held, self._process = lock, os.getpid()
        return None

    def release(self) -> None:
        """Let another process serve. Idempotent."""
        held, self._held, self._process = self._held, None, 0
        if held is not None:
            with contextlib.suppress(OSError):
                held.close()
