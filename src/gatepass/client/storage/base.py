"""Where a session is kept: what a storage must do, and the one in memory, which is the default."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from gatepass.client.storage.record import Stored


class Storage(Protocol):
    """What a session needs of the place where it is kept. All methods may be called from any thread."""

    def load(self) -> Stored:
        """What is kept. Where nothing is, makes the client key and keeps it. Raises StorageError."""
        ...

    def save(self, stored: Stored) -> None:
        """Keep it, durably and all at once. Raises StorageError; `load` gives it back all the same."""
        ...

    def locked(self, timeout: float) -> AbstractContextManager[bool]:
        """Exclusive over processes and threads. False inside after `timeout` seconds in vain: go on without."""
        ...

    def version(self) -> object:
        """A mark that differs once somebody else has saved. Cheap."""
        ...


class MemoryStorage:
    """Keeps a session as long as the program runs. The default."""

    def __init__(self) -> None:
        self._stored = Stored.fresh()
        self._version = 0
        self._turn = threading.Lock()

    def load(self) -> Stored:
        """What was saved last."""
        return self._stored

    def save(self, stored: Stored) -> None:
        """Keep it."""
        self._stored = stored
        self._version += 1

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Exclusive over the threads of this process."""
        held = self._turn.acquire(timeout=max(0, timeout))
        try:
            yield held
        finally:
            if held:
                self._turn.release()

    def version(self) -> object:
        """How often something was saved."""
        return self._version
