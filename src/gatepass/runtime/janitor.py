"""Forgets what nobody can use any more: ended sessions in the store, old revocations in the guards.

In small batches with other work in between, so that no refresh waits behind it.
"""

import asyncio
import logging
from collections.abc import Callable

from gatepass.core.policy import DAY, MINUTE
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, SessionStore

logger = logging.getLogger("gatepass.janitor")

INTERVAL = 5 * MINUTE
BATCH = 500
KEPT = DAY
"""How long an ended session stays: clients learn the true reason, guards that restart can load it."""


class Janitor:
    """One background task of a gate."""

    def __init__(self, store: SessionStore, *, clock: Clock, forget: Callable[[], None]) -> None:
        """`forget` tells the guards to drop what they need not remember."""
        self._store = store
        self._clock = clock
        self._forget = forget

    async def run(self) -> None:
        """Sweep at intervals until cancelled. A store that is ill now is swept next time."""
        while True:
            try:
                await self.sweep()
            except StoreUnavailable:
                logger.warning("the store did not answer; ended sessions are pruned later", exc_info=True)
            await asyncio.sleep(INTERVAL)

    async def sweep(self) -> int:
        """Forget everything that is due; how many sessions it were."""
        self._forget()
        pruned = 0
        while True:
            count = await self._store.prune(before=self._clock.now() - KEPT, limit=BATCH)
            pruned += count
            if count < BATCH:
                return pruned
