"""The contract of a storage, and the storage in memory, which is the default."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from gatepass.client.storage.record import SessionRecord
from gatepass.per_process import PerProcess


class Storage(Protocol):
    """Keeps one session. All methods may be called from any thread."""

    def load(self) -> SessionRecord:
        """Return what was saved last; an empty record if nothing was.

        Raises StorageError if the storage cannot be read.
        """
        ...

    def save(self, record: SessionRecord) -> None:
        """Save a record, durably and atomically. Raises StorageError; even then `load` must return it."""
        ...

    def locked(self, timeout: float) -> AbstractContextManager[bool]:
        """Hold the lock of the storage while the block runs, against other processes and threads.

        The value is True if the lock is held, and False if it was not to be had within `timeout` seconds: the caller
        goes on without it.
        """
        ...

    def version(self) -> object:
        """Return a value that differs after another process has saved. Must be cheap: it is called often."""
        ...


class MemoryStorage:
    """Keeps a session while the program runs. The default."""

    def __init__(self) -> None:
        self._saved: tuple[SessionRecord, object] = (SessionRecord(), object())
        """The record and its version, replaced as a whole: several threads may save."""
        self._locks = PerProcess(threading.Lock)

    def load(self) -> SessionRecord:
        """Return what was saved last; at first, an empty record."""
        return self._saved[0]

    def save(self, record: SessionRecord) -> None:
        """Save a record. Never fails."""
        self._saved = (record, object())

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Hold the lock against the other threads of this process. The value says whether it is held."""
        lock = self._locks.here
        held = lock.acquire(timeout=max(0, timeout))
        try:
            yield held
        finally:
            if held:
                lock.release()

    def version(self) -> object:
        """Return an object that each save replaces."""
        return self._saved[1]
