"""A clock that goes on while the computer sleeps.

`time.monotonic()` stands still then (Linux and macOS), and the wall clock may be set to anything. So the larger of both
ages counts: where the wall clock has gone further than the other one, the computer slept, or its clock was set forward,
which costs one refresh too early.
"""

import time
from collections.abc import Callable

MIN_SLEEP = 1.0
"""Seconds. Less is noise: a wall clock is set by fractions of a second."""


class Clock:
    """`steady` and `wall` are clocks in seconds. Threads may share it."""

    def __init__(self, steady: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._steady = steady
        self._wall = wall
        self._seen = (steady(), wall(), 0.0)  # replaced as a whole, so no thread sees half of a change

    def now(self) -> float:
        """The steady clock, and all that was slept since this clock was made."""
        steady_before, wall_before, slept = self._seen
        steady, wall = self._steady(), self._wall()
        ahead = (wall - wall_before) - (steady - steady_before)
        if ahead > MIN_SLEEP:
            slept += ahead
        self._seen = (steady, wall, slept)
        return steady + slept


now = Clock().now
"""The clock of this process's sessions: every `expires_at` and `sent_at` of the client is a time of it."""
