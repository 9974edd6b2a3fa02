"""Keeps a process informed of what others revoke: one task of a gate, between the store's news and the feed.

    subscribe  ─►  load everything that still matters  ─►  news, or after 5 s of silence a look  ─►  news …
        ▲                                                                                             │
        └────────────────────── contact lost: again from the start, after a moment ◄──────────────────┘

It subscribes before it loads, so nothing falls in between, and loads everything again after every gap
(PROTOCOL §7). While it has no contact the guards go on with what they know; the feed says for how long.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
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

    def __init__(self, store: SessionStore, *, feed: Feed, clock: Clock, report: Callable[[Event], None]) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._report = report
        self._is_lost = False

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Follow until cancelled. `ready` is called once everything was loaded, the first time and after gaps."""
        while True:
            try:
                await self._follow(ready)
            except StoreUnavailable as lost:
                self._lose(lost)
            await asyncio.sleep(RETRY)

    async def _follow(self, ready: Callable[[], None]) -> None:
        async with self._store.subscribe() as news:
            self._tell(await self._store.revoked_since(self._feed.since))
            ready()
            while True:
                told = await news.next(SILENCE)
                self._tell(told or await self._store.revoked_since(self._clock.now() - OVERLAP))

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
