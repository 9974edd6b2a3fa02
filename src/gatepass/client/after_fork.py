"""Locks that a fork may have taken along: the child has none of the threads that would release them.

class Budget:
    def __init__(self) -> None:
        renew_after_fork(self)        # calls `after_fork` now, and in every forked child

    def after_fork(self) -> None:
        self._lock = threading.Lock()
"""

import os
import weakref
from typing import Protocol


class HasLocks(Protocol):
    """An object with locks of its own."""

    def after_fork(self) -> None:
        """Make the locks. The threads that may have held the former ones do not exist here."""
        ...


_all: "weakref.WeakSet[HasLocks]" = weakref.WeakSet()


def renew_after_fork(owner: HasLocks) -> None:
    """Make the locks of `owner`, and make them again in every child process that is forked from now on."""
    owner.after_fork()
    _all.add(owner)


def _renew() -> None:
    for owner in list(_all):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew)
