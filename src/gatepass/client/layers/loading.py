"""Shows that calls are under way: without flickering for quick ones, and without ever sticking.

    idle ──call──► waiting ──delay──► shown ──last call ends──► lingering ──minimum──► idle
                      └──last call ends──► idle

A call counts once, through retries and refreshes, and stops counting however it ends. The indicator appears only
after `delay` and then stays for `minimum` seconds at least, also over a gap between two calls.

    Client(..., loading=Loading(spinner("Talking to the server")))

One thread moves the indicator, from the first call on until nothing was under way for a while. It calls the indicator
by turns, so an indicator need not be safe for threads; but it is not called on an event loop.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from gatepass.client.flow import Call, Flow, Next

log = logging.getLogger("gatepass.client")

IDLE_LIFE = 2.0
"""Seconds that the thread outlives the last call: a loop of calls should not start one for each."""
Phase = Literal["idle", "waiting", "shown", "lingering"]


class Indicator(Protocol):
    """What people see. `count`: calls under way."""

    def show(self, count: int) -> None:
        """Appear."""
        ...

    def update(self, count: int) -> None:
        """Another number of calls, while it is shown."""
        ...

    def hide(self) -> None:
        """Disappear."""
        ...


@dataclass(slots=True)
class Visibility:
    """The state machine; it is told the time (seconds, any clock that never goes back)."""

    delay: float
    minimum: float
    phase: Phase = "idle"
    count: int = 0
    due: float | None = None
    """When `tick` has something to do next; None: not before something happens."""
    _shown_at: float = 0.0

    def begin(self, now: float) -> None:
        """A call begins."""
        self.count += 1
        if self.phase == "idle":
            self.phase, self.due = "waiting", now + self.delay
        elif self.phase == "lingering":
            self.phase, self.due = "shown", None

    def end(self, now: float) -> None:
        """A call is over."""
        self.count -= 1
        if self.count:
            return
        if self.phase == "waiting":
            self.phase, self.due = "idle", None
        elif self.phase == "shown":
            self.phase, self.due = "lingering", max(now, self._shown_at + self.minimum)

    def tick(self, now: float) -> Literal["show", "hide"] | None:
        """What is to be done at this time."""
        if self.due is None or now < self.due:
            return None
        self.due = None
        if self.phase == "waiting":
            self.phase, self._shown_at = "shown", now
            return "show"
        self.phase = "idle"
        return "hide"


class Loading:
    """The layer. May serve several clients: then their calls count together."""

    def __init__(
        self,
        indicator: Indicator,
        *,
        delay: float = 0.2,
        minimum: float = 0.4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`delay` and `minimum` are seconds. Raises ValueError for negative ones."""
        if delay < 0 or minimum < 0:
            raise ValueError("delay and minimum are seconds, not negative.")
        self._indicator = indicator
        self._state = Visibility(delay, minimum)
        self._clock = clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def count(self) -> int:
        """Calls under way."""
        return self._state.count

    def __call__(self, call: Call, next_layer: Next) -> Flow:
        """Silent calls pass by."""
        if call.options and call.options.get("loading") == "silent":
            return next_layer(call)
        return self._around(call, next_layer)

    def _around(self, call: Call, next_layer: Next) -> Flow:
        self._move(self._state.begin)
        try:
            return (yield from next_layer(call))
        finally:
            self._move(self._state.end)

    def _move(self, step: Callable[[float], None]) -> None:
        with self._changed:
            step(self._clock())
            if self._thread is None or not self._thread.is_alive():  # gone also in a forked child
                self._thread = threading.Thread(target=self._run, name="gatepass-loading", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        shown = 0
        while True:
            with self._changed:
                act = self._state.tick(self._clock())
                count = self._state.count
                if act is None and (not shown or shown == count or not count) and not self._wait():
                    self._thread = None
                    return
            shown = self._tell(act, count, shown)

    def _wait(self) -> bool:
        """Until something changes or is due; False where nothing has happened for long. Holds the condition."""
        due = self._state.due
        if due is not None:
            self._changed.wait(max(0.0, due - self._clock()))
            return True
        if self._state.phase != "idle":
            self._changed.wait()
            return True
        # A call that begins as the wait runs out sees a living thread and starts none: so look once more.
        return self._changed.wait(IDLE_LIFE) or self._state.phase != "idle"

    def _tell(self, act: Literal["show", "hide"] | None, count: int, shown: int) -> int:
        """Move the indicator; what it shows after that. An indicator that fails harms no call."""
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
