"""A lock that programs on one machine take in turn: one refresh at a time for each session file (PROTOCOL §5).

It is an optimisation, never what makes a session safe: the server answers two refreshes of one token alike. So the
wait is bounded, whoever waited in vain goes on without, and nobody ever takes a lock from its holder.

    flock on a file of its own     the system lets go when the holder dies, however it dies
    opened anew for each holder    so threads of one process exclude each other as processes do
    closed in a forked child       which would keep the lock of a parent that is gone
    looked up again once held      somebody may have deleted the file that we locked

Windows has no flock: there it is a lock on the file's first byte. A file system without locks is one without this
optimisation, no more.
"""

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover - no Windows in our runs
    import msvcrt
else:
    import fcntl

SHORTEST_PAUSE = 0.001
LONGEST_PAUSE = 0.05
"""Seconds between two looks. Against what: a refresh takes some milliseconds, and there is no flock with a timeout."""


class FileLock:
    """An exclusive lock by the name of a file. The file is made where it is missing and never deleted."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def held(self, timeout: float) -> Iterator[bool]:
        """Hold the lock while the block runs; wait for it at most `timeout` seconds.

        The value says whether it is held: False after a wait in vain, or where files cannot be locked.
        """
        handle = self._take(time.monotonic() + timeout)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                handle.close()

    def _take(self, deadline: float) -> "_Handle | None":
        pause = SHORTEST_PAUSE
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
            pause = min(LONGEST_PAUSE, pause * 1.5)


class _Handle:
    """The lock file, open. Its lock goes when it is closed, or with the process."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        """Raises OSError where there is no such file and none can be made."""
        self._path = path
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with _forking:
            try:
                self._descriptor: int | None = os.open(path, flags | os.O_CREAT | os.O_RDWR, 0o600)
            except OSError:
                # A read-only disk: a lock file that is there can still be locked.
                self._descriptor = os.open(path, flags | os.O_RDONLY)
            _open.add(self)

    def lock(self) -> bool | None:
        """Whether it is ours now; None where there are no locks. Never waits."""
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
        """Whether others who open the path will meet this lock."""
        assert self._descriptor is not None  # noqa: S101
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except OSError:
            return False

    def close(self) -> None:
        """Let go. In a child that was forked meanwhile there is nothing to let go."""
        with _forking:
            if self._descriptor is None:
                return
            # Said aloud: a child just forked may still have its copy open, which would keep the lock.
            with contextlib.suppress(OSError):
                if sys.platform == "win32":  # pragma: no cover
                    msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
                else:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.disown()
            _open.discard(self)

    def disown(self) -> None:
        """Close without letting go: what a child does with its parent's lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_open: set[_Handle] = set()
_forking = threading.RLock()  # held over a fork, so that no handle is open and not yet among these


def _after_fork_in_child() -> None:
    for handle in _open:
        handle.disown()
    _open.clear()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_after_fork_in_child)
