"""Finds races by construction: one thread is suspended before each of its lines in turn, and another one runs then.

    assert explore(race, within=("gatepass.client.",)) > 0

`race` makes a fresh world and returns what two threads do in it, and what must hold at the end. For k = 1, 2, 3 … the
first thread runs to the k-th line that counts; there the second one runs to its end, or until it needs a lock that the
first one holds; then the first one goes on. When it ends before the k-th line, all places have been tried.

Exactly one of the two runs at a time, and no clock decides which: a place that fails, fails again. For that the locks
that are made meanwhile are ours, and so is the wait for a thread, and that of an event loop. A third thread, which a
race starts, runs freely.
"""

import _thread
import concurrent.futures.thread
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

from tests.support.full import FULL

LIMIT = 20_000
"""Places. A race that has more does not end."""
ENDING = 60
"""Seconds. Both threads run for milliseconds."""
PATIENCE = 20_000
"""Milliseconds that both wait, for a third thread, before it counts as a deadlock."""


@dataclass
class Race:
    """What two threads do. `holds` is called when both have ended; it raises AssertionError."""

    first: Callable[[], Any]
    second: Callable[[], Any]
    holds: Callable[["Runner", "Runner"], None]


class Runner:
    """One of the two threads, and what its action returned or raised."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act
        self.value: Any = None
        self.error: BaseException | None = None
        self.has_ended = False
        self.gate = _thread.allocate_lock()
        """Released for this thread to run."""
        self.gate.acquire()
        self.other: Runner
        self.thread = threading.Thread(target=self._live, daemon=True)

    def _live(self) -> None:
        _runners[_thread.get_ident()] = self
        self.gate.acquire()
        try:
            self.value = self.act()
        except BaseException as error:
            self.error = error
        sys.settrace(None)
        del _runners[_thread.get_ident()]
        self.has_ended = True
        self.other.gate.release()

    def let_other_run(self) -> None:
        """Wait until the other one has ended, or waits for something itself."""
        if not self.other.has_ended:
            self.other.gate.release()
            self.gate.acquire()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Return when `holds` does. The other one runs meanwhile."""
        for attempt in range(PATIENCE):
            if holds():
                return
            if attempt:
                time.sleep(0.001)  # both wait, for a third thread
            self.let_other_run()
        raise RuntimeError("deadlock: both threads wait")


_runners: dict[int, Runner] = {}
_new_lock, _new_rlock = threading.Lock, threading.RLock
_join = threading.Thread.join
_select = selectors.DefaultSelector.select


class _Watched:
    """A lock at which a runner that must wait lets the other one run."""

    def __init__(self, new: Callable[[], Any]) -> None:
        self._new = new
        self._lock = new()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        runner = _runners.get(_thread.get_ident())
        if runner is None or not blocking:
            return bool(self._lock.acquire(blocking, timeout))
        runner.wait_for(lambda: bool(self._lock.acquire(False)))
        return True

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def _watched_join(thread: threading.Thread, timeout: float | None = None) -> None:
    runner = _runners.get(_thread.get_ident())
    if runner is not None and thread.ident is not None:
        runner.wait_for(lambda: not thread.is_alive())
    _join(thread, timeout)


def _watched_select(selector: Any, timeout: float | None = None) -> Any:
    """An event loop of a runner that has nothing to do waits here."""
    runner = _runners.get(_thread.get_ident())
    if runner is None:
        return _select(selector, timeout)
    end = float("inf") if timeout is None else time.monotonic() + timeout
    ready: list[Any] = []

    def is_over() -> bool:
        ready[:] = _select(selector, 0)
        return bool(ready) or time.monotonic() >= end

    runner.wait_for(is_over)
    return ready


@contextmanager
def _watching() -> Iterator[None]:
    """The locks that are made in the block are ours."""
    locks: dict[str, Any] = {
        "Lock": lambda: _Watched(_new_lock),
        "_allocate_lock": lambda: _Watched(_new_lock),  # those of conditions, and so of futures
        "RLock": lambda: _Watched(_new_rlock),
    }
    with (
        patch.multiple(threading, **locks),
        patch.object(threading.Thread, "join", _watched_join),
        patch.object(selectors.DefaultSelector, "select", _watched_select),
        patch.object(concurrent.futures.thread, "_global_shutdown_lock", _Watched(_new_lock)),  # of all pools
    ):
        yield


@dataclass
class _Places:
    """Counts the places of the first thread, and lets the second one run at the one that was chosen."""

    chosen: int
    within: Sequence[str]
    each: bool
    runner: Runner
    seen: int = 0
    at: str | None = None
    _known: set[tuple[CodeType, int]] = field(default_factory=set)

    def begin(self) -> None:
        """To be called in the thread."""
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if self.at is not None or frame.f_code.co_filename == "<string>":  # of a dataclass
            return None
        if not frame.f_globals.get("__name__", "").startswith(tuple(self.within)):
            return None
        frame.f_trace_opcodes = self.each
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if self.at is not None:
            return None
        if event == "opcode" or (event == "line" and not self.each):
            place = (frame.f_code, frame.f_lasti)
            if self.each or place not in self._known:
                self._known.add(place)
                self.seen += 1
                if self.seen == self.chosen:
                    self.at = f"{frame.f_globals['__name__']}:{frame.f_lineno} ({frame.f_code.co_name})"
                    sys.settrace(None)
                    self.runner.let_other_run()
        return self._step


def explore(race: Callable[[], Race], *, within: Sequence[str], begin: int = 1, stride: int = 1) -> int:
    """Try the places of the first thread in the modules whose names begin so. Returns their number, or a little more.

    By default a place is a line that is reached for the first time, and every `stride`-th of them is tried, from
    `begin` on. In full each bytecode instruction is one, each time that it is reached, and all are tried. Raises
    AssertionError with the places.
    """
    faults: list[str] = []
    for chosen in range(1, LIMIT) if FULL else range(begin, LIMIT, stride):
        with _watching():
            at = _try(race(), chosen, within, faults)
        if at is None:
            assert not faults, f"{len(faults)} places:\n" + "\n".join(faults)
            return chosen - 1  # the second thread ran after the first one here
    raise AssertionError(f"more than {LIMIT} places")


def _try(race: Race, chosen: int, within: Sequence[str], faults: list[str]) -> str | None:
    first, second = Runner(race.first), Runner(race.second)
    first.other, second.other = second, first
    places = _Places(chosen, within, FULL, first)

    def traced() -> Any:
        places.begin()
        return race.first()

    first.act = traced
    for runner in (first, second):
        runner.thread.start()
    first.gate.release()
    for runner in (first, second):
        _join(runner.thread, ENDING)
        if not runner.has_ended:
            raise RuntimeError(f"second before {places.at}: one waits for a lock that was made before the race")
    try:
        race.holds(first, second)
    except Exception as fault:
        faults.append(f"  second before {places.at or 'nothing: after the first'}: {type(fault).__name__} {fault}")
    return places.at
