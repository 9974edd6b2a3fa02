"""Two kinds of fork, and what a child finds there: one that Python knows of, and one as uWSGI makes it.

@pytest.mark.parametrize("fork", FORKS)
def test_…(fork): assert holds_in_child(fork, lambda: lock.acquire(blocking=False))
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.hookless_fork import hookless_fork
from tools.services.patience import PATIENCE

Fork = Callable[[], int]


def KNOWN() -> int:  # noqa: N802 (a value of `FORKS`)
    """A fork as Python makes it."""
    return os.fork()


_NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
FORKS = [
    pytest.param(KNOWN, id="os.fork", marks=_NEEDS_FORK),
    pytest.param(hookless_fork, id="as uWSGI forks", marks=_NEEDS_FORK),
]


def holds_in_child(fork: Fork, act: Callable[[], object]) -> bool:
    """Whether `act` returns what is true in a child of this process; False also if it does not return."""
    child = fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(PATIENCE / 5))  # ends a child that waits for a lock
        holds = False
        try:
            holds = bool(act())
        finally:
            os._exit(0 if holds else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """Another thread holds the lock, as in the middle of its work."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()
