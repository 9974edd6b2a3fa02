"""A lock of what several threads change, in this process or in one that was forked from it.

    with self._locks.here: ...

A fork may have taken a lock along whose holder is a thread of the parent. So each process has one of its own.
"""

import os
import threading


class Locks:
    """A lock for each process."""

    def __init__(self) -> None:
        self._by_process: dict[int, threading.Lock] = {}

    @property
    def here(self) -> threading.Lock:
        """That of this process."""
        own = self._by_process.get(os.getpid())
        return self._by_process.setdefault(os.getpid(), threading.Lock()) if own is None else own
