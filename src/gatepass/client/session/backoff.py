"""How long a session waits before the next refresh after one that failed."""

import random

from gatepass.client import clock

MAX_BACKOFF = 5.0
"""The longest that a call waits for the next attempt; after a longer Retry-After it fails at once. Seconds."""
INITIAL_BACKOFF = 0.25
MAX_DOUBLINGS = 10


class Backoff:
    """Doubles with each failure in a row, at random within its upper half: clients that failed together part."""

    def __init__(self) -> None:
        self._failures = 0
        self._retry_at = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the next attempt may begin; 0 or less: now."""
        return self._retry_at - clock.now()

    def clear(self) -> None:
        """A refresh or a sign-in has succeeded."""
        self._failures, self._retry_at = 0, 0.0

    def note_failure(self, retry_after: float | None) -> float:
        """The seconds to wait, at least as many as the server says."""
        bound = min(MAX_BACKOFF, INITIAL_BACKOFF * 2**self._failures)
        wait = max(random.uniform(bound / 2, bound), retry_after or 0.0)  # noqa: S311 - guards nothing
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        self._retry_at = clock.now() + wait
        return wait
