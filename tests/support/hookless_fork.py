"""A fork in which nothing is called that was registered with `os.register_at_fork`, as uWSGI makes one.

uWSGI calls C's `fork`. So may no test: where another thread just asks for the interpreter's lock, the child waits for
that thread, which it does not have. Here Python forks, and repairs its own locks, but finds none of the functions.
"""

import gc
import os
from typing import Any


def _lists() -> list[list[Any]]:
    """The interpreter's own lists of such functions, each found by one that stands in it."""
    marks: tuple[Any, ...] = (lambda: None, lambda: None, lambda: None)
    os.register_at_fork(before=marks[0], after_in_parent=marks[1], after_in_child=marks[2])
    return [next(each for each in gc.get_referrers(mark) if type(each) is list) for mark in marks]


_hooks = _lists() if hasattr(os, "register_at_fork") else []


def hookless_fork() -> int:
    """As `os.fork`."""
    registered = [list(hooks) for hooks in _hooks]
    for hooks in _hooks:
        hooks.clear()
    try:
        return os.fork()
    finally:
        for hooks, former in zip(_hooks, registered, strict=True):
            hooks[:] = former
