"""A lock between the programs of one machine: one refresh at a time for each session file (PROTOCOL §5).

It is an optimisation and not needed for safety: the server answers two refreshes of one token alike. So the wait is
bounded, a caller goes on without the lock when it times out, and a lock is never taken from its holder.

    flock on a file of its own     the system releases it when the holder dies, however it dies
    opened anew for each holder    so threads of one process exclude each other as processes do
    closed in a forked child       a child would hold the lock of a parent that has ended
    looked up again once held      another program may have deleted the file that was locked

Windows has no flock: there it is a lock on the file's first byte. On a file system without locks there is no
optimisation, and nothing else changes.
"""

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from gatepass.per_process import PerProcess

if sys.platform == "win32":  # pragma: no cover - no Windows in our runs
    import msvcrt
else:
    import fcntl

MIN_PAUSE = 0.001
MAX_PAUSE = 0.05
"""Seconds between two attempts. Against what: a refresh takes milliseconds, and flock has no timeout."""


class FileLock:
    """An exclusive lock by the name of a file. A missing file is made; it is never deleted."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def held(self, timeout: float) -> Iterator[bool]:
        """Hold the lock while the block runs; wait for it at most `timeout` seconds.

        The value says whether it is held: False if the wait timed out or the file cannot be locked.
        """
        handle = self._take(time.monotonic() + timeout)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                handle.close()

    def _take(self, deadline: float) -> "_Handle | None":
        pause = MIN_PAUSE
        while True:
            try:
                handle = _Handle(self.path)
            except OSError:
                return None
            took = handle.lock()
            if took and handle.is_current():
                return handle
            handle.close()
            left = deadline - time.monotonic()
            if took is None or left <= 0:
                return None
            time.sleep(min(left, pause * random.uniform(0.5, 1)))  # noqa: S311 - keeps waiters apart, guards nothing
            pause = min(MAX_PAUSE, pause * 1.5)


class _Handle:
    """The open lock file. Closing it, or the end of the process, releases its lock."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        """Raises OSError if there is no such file and none can be made."""
        self._path = path
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with _forking.here:
            try:
                self._descriptor: int | None = os.open(path, flags | os.O_CREAT | os.O_RDWR, 0o600)
            except OSError:
                # A read-only disk: an existing lock file can still be locked.
                self._descriptor = os.open(path, flags | os.O_RDONLY)
            _open.add(self)

    def lock(self) -> bool | None:
        """Return whether the lock was acquired; None if the file system has no locks. Never waits."""
        assert self._descriptor is not None  # noqa: S101
        try:
            if sys.platform == "win32":  # pragma: no cover
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return None
        return True

    def is_current(self) -> bool:
        """Return whether the path still names this file: other programs lock what the path names."""
        assert self._descriptor is not None  # noqa: S101
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except OSError:
            return False

    def close(self) -> None:
        """Release the lock. In a child that was forked meanwhile there is nothing to release."""
        with _forking.here:
            if self._descriptor is None:
                return
            # Explicitly: a child that was just forked may still have its copy open, which would keep the lock.
            with contextlib.suppress(OSError):
                if sys.platform == "win32":  # pragma: no cover
                    msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
                else:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.disown()
            _open.discard(self)

    def disown(self) -> None:
        """Close without releasing: what a child does with its parent's lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_open: set[_Handle] = set()
_forking = PerProcess(threading.RLock)  # held over a fork, so that every open handle is in `_open`


def _after_fork_in_child() -> None:
    for handle in _open:
        handle.disown()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _forking.here.acquire(),
        after_in_parent=lambda: _forking.here.release(),
        after_in_child=_after_fork_in_child,
    )
