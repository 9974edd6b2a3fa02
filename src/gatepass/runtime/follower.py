"""Keeps a process informed of what others revoke and rotate: one task of a gate, between the store and the guards.

    subscribe  ─►  load everything that still matters  ─►  news, or after 5 s of silence a look  ─►  news …
        ▲                                                                                             │
        └────────────────────── contact lost: again from the start, after a moment ◄──────────────────┘

It subscribes before it loads, so nothing falls in between, and loads everything again after every gap
(PROTOCOL §7). A look takes in the signing keys as well. While it has no contact the guards go on with what they
know; the feed says for how long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from gatepass.core.event import Event, RevocationsLost, RevocationsRestored
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, Revocation, SessionStore

logger = logging.getLogger("gatepass.revocations")

SILENCE = 5.0
"""Seconds without news after which the follower looks itself (PROTOCOL §7)."""
OVERLAP = 60
"""Seconds that a look goes back: servers' clocks differ, and a commit may come later than the time it names."""
RETRY = 0.5
"""Seconds before contact is sought again: far below any patience, and no load on a store that restarts."""


class Feed(Protocol):
    """What the follower tells."""

    @property
    def since(self) -> int:
        """The earliest revocation that still matters (Unix seconds)."""
        ...

    def load(self, revocations: Iterable[Revocation]) -> None:
        """Take these in; the store has been heard."""
        ...


class Follower:
    """One background task of a gate."""

    def __init__(
        self,
        store: SessionStore,
        *,
        feed: Feed,
        look_at_keys: Callable[[], Awaitable[None]],
        clock: Clock,
        report: Callable[[Event], None],
    ) -> None:
        self._store = store
        self._feed = feed
        self._look_at_keys = look_at_keys
        self._clock = clock
        self._report = report
        self._is_lost = False

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except StoreUnavailable as lost:
                self._lose(lost)
            await asyncio.sleep(RETRY)

    async def _follow(self) -> None:
        async with self._store.subscribe() as news:
            self._tell(await self._store.revoked_since(self._feed.since))
            await self._look_at_keys()
            looked_at = time.monotonic()
            while True:
                told = await news.next(SILENCE)
                if told:
                    self._tell(told)
                if not told or time.monotonic() - looked_at > SILENCE:
                    self._tell(await self._store.revoked_since(self._clock.now() - OVERLAP))
                    await self._look_at_keys()
                    looked_at = time.monotonic()

    def _tell(self, revocations: Sequence[Revocation]) -> None:
        self._feed.load(revocations)
        if self._is_lost:
            self._is_lost = False
            self._report(RevocationsRestored(at=self._clock.now()))

    def _lose(self, why: StoreUnavailable) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.warning("no news of revocations: %s", why)
            self._report(RevocationsLost(at=self._clock.now()))
