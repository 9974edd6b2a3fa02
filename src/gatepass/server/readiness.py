"""`/readyz` asks the store at most once a second, for all callers: each look writes, and callers need no token."""

import asyncio
from collections.abc import Awaitable, Callable

from gatepass.ports import Clock

INTERVAL = 1
"""Seconds for which one answer of the store holds for all."""


class SharedPing:
    """A ping of the store that callers share, while it runs and for `INTERVAL` seconds from its start."""

    def __init__(self, ping: Callable[[], Awaitable[None]], *, clock: Clock) -> None:
        self._ping = ping
        self._clock = clock
        self._asked: asyncio.Task[None] | None = None
        self._asked_at = 0

    async def __call__(self) -> None:
        """Return if the store can write. Raises StoreUnavailable."""
        asked = self._asked
        if asked is None or not self._holds(asked):
            self._asked_at = self._clock.now()
            asked = self._asked = asyncio.create_task(self._run(), name="gatepass-readiness")
            asked.add_done_callback(_retrieve)
        # Shielded: a caller that leaves must not end the look for the others.
        await asyncio.shield(asked)

    def _holds(self, asked: "asyncio.Task[None]") -> bool:
        if asked.get_loop() is not asyncio.get_running_loop() or asked.cancelled():
            return False
        return not asked.done() or 0 <= self._clock.now() - self._asked_at < INTERVAL

    async def _run(self) -> None:
        await self._ping()


def _retrieve(asked: "asyncio.Task[None]") -> None:
    """Take the result, since all callers may have left: asyncio would log an exception that is never taken."""
    if not asked.cancelled():
        asked.exception()
