"""What each process makes for itself: locks, threads, and the state that only its own threads change.

    self._locks = PerProcess(threading.Lock)
    with self._locks.here: ...

A fork may have taken a lock along whose holder is a thread of the parent, which does not exist in the child: that one
would wait for ever. The number of the process tells, and not `os.register_at_fork`: uWSGI forks without a call of what
was registered. Where something must happen before a fork, only that can do it (`runtime/thread.py`).
"""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class PerProcess(Generic[Made]):
    """One thing for each process, made when it is first asked for there."""

    __slots__ = ("_by_process", "_former", "_make")

    def __init__(self, make: Callable[[], Made]) -> None:
        """`make` may be called by several threads at once; all get what one of them made."""
        self._make = make
        self._by_process: dict[int, Made] = {}
        self._former: list[Made] = []
        """Those of parents: kept, since the end of an event loop or of a pool here would be felt there."""

    @property
    def here(self) -> Made:
        """That of this process."""
        try:
            return self._by_process[os.getpid()]
        except KeyError:
            return self._first()

    def _first(self) -> Made:
        process = os.getpid()
        made = self._by_process.setdefault(process, self._make())
        for other in [each for each in list(self._by_process) if each != process]:  # its number may be given again
            former = self._by_process.pop(other, None)
            if former is not None:  # another thread may have been here
                self._former.append(former)
        return made
