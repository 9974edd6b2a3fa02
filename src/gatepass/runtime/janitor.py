"""Deletes what is no longer needed: ended sessions and old counts in the store, old revocations in the guards.

It works in small batches with other work in between, so that no refresh waits behind it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gatepass.core.policy import DAY, MINUTE
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, SessionStore
from gatepass.supervisor import Alive, ignore

logger = logging.getLogger("gatepass.janitor")

SWEEP_INTERVAL = 5 * MINUTE
MAX_BATCH = 500
RETENTION = DAY
"""Seconds that an ended session is kept: clients learn the true reason, and guards that restart can load it."""


class Janitor:
    """One background task of a gate."""

    def __init__(
        self, store: SessionStore, *, clock: Clock, forget: Callable[[], None], prune: Callable[[int], Awaitable[None]]
    ) -> None:
        """`forget` makes the guards drop the revocations that no longer matter; `prune(now)` deletes old counts."""
        self._store = store
        self._clock = clock
        self._forget = forget
        self._prune = prune

    async def run(self, alive: Alive = ignore) -> None:
        """Sweep at intervals until cancelled. If the store is unavailable, the next sweep does the work."""
        while True:
            try:
                await self.sweep()
                alive()
            except StoreUnavailable:
                logger.warning("the store is unavailable; ended sessions are pruned later", exc_info=True)
            await asyncio.sleep(SWEEP_INTERVAL)

    async def sweep(self) -> int:
        """Delete everything that is due by our clock and by the store's. Returns the number of sessions deleted."""
        self._forget()
        there = await self._store.time()  # a clock of ours that is far ahead must not delete live sessions
        now = self._clock.now() if there is None else min(self._clock.now(), there)
        await self._prune(now)
        pruned = 0
        while True:
            count = await self._store.prune(before=now - RETENTION, limit=MAX_BATCH)
            pruned += count
            if count < MAX_BATCH:
                return pruned
