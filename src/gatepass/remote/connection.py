"""What the followers of a remote gate share: the pause after a failure, and one thread per process.

A follower asks one URL, on a daemon thread of its own, so no request waits for the network. The thread starts when it
is first needed, and again in every forked worker: threads do not survive a fork.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gatepass.per_process import PerProcess

logger = logging.getLogger("gatepass.remote")

RESTART_INTERVAL = (0.5, 5.0)
"""Seconds before a follower that stopped by an unexpected error runs again, and at most before a later time."""
FIRST_LOAD_TIMEOUT = 2.0
"""Seconds that the first requests of a process wait for the first response, so that a start causes no 503."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The events of one thread. A forked process needs new ones: another thread may have held the old ones' locks."""

    stopped: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    loaded: threading.Event = field(default_factory=threading.Event)
    """Set when the first load has ended."""

    def pause(self, seconds: float) -> None:
        """Wait, or return early when `wake` is set."""
        self.wake.wait(seconds)
        self.wake.clear()


class FollowerThread:
    """One daemon thread per process that runs `run(signals)` until `signals.stopped` is set."""

    def __init__(self, name: str, run: Callable[[Signals], None]) -> None:
        self.signals = Signals()
        self._name = name
        self._run = run
        self._process = 0
        self._started_at = 0.0
        self._locks = PerProcess(threading.Lock)

    def start(self) -> None:
        """Start the thread unless this process has one. Costs nothing then."""
        if self._process == os.getpid():
            return
        with self._locks.here:
            if self._process == os.getpid():
                return
            self.signals = Signals()
            threading.Thread(target=self._live, args=(self.signals,), name=self._name, daemon=True).start()
            self._started_at = time.monotonic()
            self._process = os.getpid()

    def _live(self, signals: Signals) -> None:
        """The body of the thread. Whatever `run` raises is logged, and it runs again: nothing may end it unseen."""
        failures = 0
        while not signals.stopped.is_set():
            try:
                self._run(signals)
            except Exception:
                failures += 1
                logger.exception("%s stopped and is started again", self._name)
                signals.pause(backoff(failures, RESTART_INTERVAL))

    def wait_until_loaded(self) -> None:
        """Return when the first load has ended, or FIRST_LOAD_TIMEOUT after the start of the thread."""
        loaded = self.signals.loaded
        if not loaded.is_set():
            loaded.wait(max(0.0, self._started_at + FIRST_LOAD_TIMEOUT - time.monotonic()))

    def wake(self) -> None:
        """End the pause of the thread."""
        if self._process == os.getpid():  # those of a parent may have locks that one of its threads held
            self.signals.wake.set()

    def close(self) -> None:
        """Stop the thread; `start` starts another one."""
        with self._locks.here:
            if self._process != os.getpid():
                return
            self._process = 0
            self.signals.stopped.set()
            self.signals.wake.set()


def jittered(seconds: float, *, least: float) -> float:
    """Seconds, multiplied by a random factor from `least` to 1, so that many processes do not ask at the same time."""
    return seconds * random.uniform(least, 1.0)  # noqa: S311 (spreads load, keeps no secret)


def backoff(failures: int, interval: tuple[float, float]) -> float:
    """Seconds to wait after so many failures in a row: doubled each time from the first of `interval` to the second."""
    first, longest = interval
    return jittered(min(longest, first * 2 ** min(failures - 1, 10)), least=0.5)
