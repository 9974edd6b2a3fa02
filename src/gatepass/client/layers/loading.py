"""Shows that calls are under way. The indicator does not flicker for quick calls and never remains after the last.

    idle ──call──► waiting ──delay──► shown ──last call ends──► lingering ──minimum──► idle
                      └──last call ends──► idle

A call counts once, through retries and refreshes, until it ends in any way. The indicator appears after `delay` seconds
and then stays for at least `minimum` seconds, also over a gap between two calls.

    Client(..., loading=Loading(spinner("Talking to the server")))

One thread calls the indicator, from the first call until IDLE_TIMEOUT after the last. So an indicator need not be
thread-safe, but it is not called on an event loop.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from gatepass.client.flow import Call, Flow, Next
from gatepass.per_process import PerProcess

log = logging.getLogger("gatepass.client")

IDLE_TIMEOUT = 2.0
"""Seconds that the thread waits after the last call: a loop of calls must not start a thread for each."""
Phase = Literal["idle", "waiting", "shown", "lingering"]


class Indicator(Protocol):
    """What the user sees. `count`: the number of calls under way."""

    def show(self, count: int) -> None:
        """Appear with this count."""
        ...

    def update(self, count: int) -> None:
        """Show another count; called between `show` and `hide`."""
        ...

    def hide(self) -> None:
        """Disappear, and release what `show` took."""
        ...


@dataclass(slots=True)
class Visibility:
    """The state machine. It has no clock: `now` is in seconds of any clock that never goes back."""

    delay: float
    minimum: float
    phase: Phase = "idle"
    count: int = 0
    due: float | None = None
    """The time at which `tick` must be called next; None: not before the next `begin` or `end`."""
    _shown_at: float = 0.0

    def begin(self, now: float) -> None:
        """Count a call that begins."""
        self.count += 1
        if self.phase == "idle":
            self.phase, self.due = "waiting", now + self.delay
        elif self.phase == "lingering":
            self.phase, self.due = "shown", None

    def end(self, now: float) -> None:
        """Count a call that has ended."""
        self.count -= 1
        if self.count:
            return
        if self.phase == "waiting":
            self.phase, self.due = "idle", None
        elif self.phase == "shown":
            self.phase, self.due = "lingering", max(now, self._shown_at + self.minimum)

    def tick(self, now: float) -> Literal["show", "hide"] | None:
        """Return what to do with the indicator at this time; None: nothing."""
        if self.due is None or now < self.due:
            return None
        self.due = None
        if self.phase == "waiting":
            self.phase, self._shown_at = "shown", now
            return "show"
        self.phase = "idle"
        return "hide"


class _Count:
    """The calls of one process. Its child has none of them under way, and no thread."""

    def __init__(self, state: Visibility) -> None:
        self.state = state
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None


class Loading:
    """The layer that counts calls. Several clients may share one: then their calls count together."""

    def __init__(
        self,
        indicator: Indicator,
        *,
        delay: float = 0.2,
        minimum: float = 0.4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`delay` and `minimum` are in seconds; see the head of this file. Raises ValueError for negative ones."""
        if delay < 0 or minimum < 0:
            raise ValueError("delay and minimum are seconds and must not be negative.")
        self._indicator = indicator
        self._clock = clock
        self._counts = PerProcess(lambda: _Count(Visibility(delay, minimum)))

    @property
    def count(self) -> int:
        """The number of calls under way, without silent ones."""
        return self._counts.here.state.count

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Count the call while it is under way, unless it is silent."""
        if call.options and call.options.get("loading") == "silent":
            return next_layer(call)
        return self._around(call, next_layer)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        counted = self._counts.here
        self._move(counted, counted.state.begin)
        try:
            return (yield from next_layer(call))
        finally:
            if counted is self._counts.here:  # else the process was forked meanwhile, and counts from 0
                self._move(counted, counted.state.end)

    def _move(self, counted: "_Count", step: Callable[[float], None]) -> None:
        with counted.changed:
            step(self._clock())
            if counted.thread is None or not counted.thread.is_alive():
                counted.thread = threading.Thread(
                    target=self._run, args=(counted,), name="gatepass-loading", daemon=True
                )
                counted.thread.start()
            counted.changed.notify()

    def _run(self, counted: "_Count") -> None:
        shown = 0
        while True:
            with counted.changed:
                act = counted.state.tick(self._clock())
                count = counted.state.count
                if act is None and (not shown or shown == count or not count) and not self._wait(counted):
                    counted.thread = None
                    return
            shown = self._act(act, count, shown)

    def _wait(self, counted: "_Count") -> bool:
        """Wait for a change or for what is due; False after IDLE_TIMEOUT without either. The condition must be held."""
        due = counted.state.due
        if due is not None:
            counted.changed.wait(max(0.0, due - self._clock()))
            return True
        if counted.state.phase != "idle":
            counted.changed.wait()
            return True
        # A call that begins just as the wait times out sees a living thread and starts none: check once more.
        return counted.changed.wait(IDLE_TIMEOUT) or counted.state.phase != "idle"

    def _act(self, act: Literal["show", "hide"] | None, count: int, shown: int) -> int:
        """Call the indicator; return the count that it shows then. An indicator that raises harms no call."""
        try:
            if act == "show":
                self._indicator.show(count)
                return count
            if act == "hide":
                self._indicator.hide()
                return 0
            if shown and count and count != shown:
                self._indicator.update(count)
                return count
        except Exception:
            log.exception("the loading indicator failed")
        return 0 if act == "hide" else shown
