"""Keeps a process informed of what others revoke and rotate: one background task, between the store and the guards.

    subscribe  ─►  load all that still matters  ─►  receive, or read the store after 5 s of silence  ─►  receive …
        ▲                                                                                          │
        └───────────────────── connection lost: again from the start, after 0.5 s ◄────────────────┘

It subscribes before it loads, so no revocation is missed in between, and it loads everything again after every gap
(PROTOCOL §7). A read of the store includes the signing keys. While there is no connection the guards go on with the
revocations that they have; RevokedSessions decides for how long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from gatepass.access.revoked_sessions import OVERLAP, RevokedSessions
from gatepass.core.event import Event, RevocationsLost, RevocationsRestored
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, Revocation, SessionStore

logger = logging.getLogger("gatepass.revocations")

POLL_INTERVAL = 5.0
"""Seconds after which the follower reads the store, whatever it has received (PROTOCOL §7)."""
RECONNECT_INTERVAL = 0.5
"""Seconds before the follower subscribes again: far less than any `max_age`, and no load on a store that restarts."""


class Follower:
    """One background task of a gate."""

    def __init__(
        self,
        store: SessionStore,
        *,
        revocations: RevokedSessions,
        reload_keys: Callable[[], Awaitable[None]],
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        """`reload_keys` reads the signing keys of the store again."""
        self._store = store
        self._revocations = revocations
        self._reload_keys = reload_keys
        self._clock = clock
        self._report = report
        self._is_lost = False

    async def run(self) -> None:
        """Follow until cancelled. While the store is unavailable, try again after a pause."""
        while True:
            try:
                await self._follow()
            except StoreUnavailable as lost:
                self._note_loss(lost)
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _follow(self) -> None:
        async with self._store.subscribe() as subscription:
            self._load(await self._store.revoked_since(self._revocations.cutoff))
            await self._reload_keys()
            read_at = time.monotonic()
            while True:
                received = await subscription.next(POLL_INTERVAL)
                if received:
                    self._load(received)
                if not received or time.monotonic() - read_at > POLL_INTERVAL:
                    self._load(await self._store.revoked_since(self._clock.now() - OVERLAP))
                    await self._reload_keys()
                    read_at = time.monotonic()

    def _load(self, revocations: Sequence[Revocation]) -> None:
        self._revocations.load(revocations)
        if self._is_lost:
            self._is_lost = False
            self._report(RevocationsRestored(at=self._clock.now()))

    def _note_loss(self, why: StoreUnavailable) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.warning("revocations cannot be read from the store: %s", why)
            self._report(RevocationsLost(at=self._clock.now()))
