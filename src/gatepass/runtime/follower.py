"""Keeps a process informed of what others revoke and rotate: one background task, between the store and the guards.

    subscribe  ─►  load all that still matters  ─►  a message, or 5 s of silence  ─►  read the store  ─►  wait …
        ▲                                                                                          │
        └───────────────────── connection lost: again from the start, after 0.5 s ◄────────────────┘

It subscribes before it loads, so no revocation is missed in between, and it loads everything again after every gap
(PROTOCOL §7). A message is a doorbell: any role that may connect to the store can send one, so what it names is looked
up, and what is not found there, or cannot be read at all, means "look" and no more (P5).

A look goes back to the last look, however long ago that was, and an hour further: the process that revoked has dated it
by its own clock, and may have committed it late. While there is no connection the guards go on with the revocations
that they have; RevokedSessions decides for how long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from gatepass.access.revoked_sessions import CLOCK_MARGIN, RevokedSessions
from gatepass.core.claims_mark import UNITS, ClaimsMark, first_number
from gatepass.core.event import ClockDiffers, Event, RevocationsLost, RevocationsRestored
from gatepass.errors import StoreUnavailable
from gatepass.ports import CLAIMS_CHANGED, Clock, PartlyRead, Revocation, Store
from gatepass.supervisor import Alive, ignore

logger = logging.getLogger("gatepass.revocations")

POLL_INTERVAL = 5.0
"""Seconds after which the follower reads the store, whatever it has received (PROTOCOL §7)."""
RECONNECT_INTERVAL = 0.5
"""Seconds before the follower subscribes again: far less than any `max_age`, and no load on a store that restarts."""
LOOK_INTERVAL = 0.05
"""Seconds between two looks: however many messages are sent, the store is not read more often. Half of P4's delay."""
OVERLAP = 60
"""Seconds that a shallow look goes back beyond the last one: a revocation may be committed later than it is dated."""
MAX_DEEP = 5_000
"""Revocations beyond which a look goes back an hour every DEEP_INTERVAL only: to read that many takes some 10 ms."""
DEEP_INTERVAL = 60.0
"""Seconds between two deep looks where they are costly."""
MARKS_INTERVAL = 0.02
"""Seconds between two reads of the marks alone, which cost one look into an index."""
MARKS_OVERLAP = 10
"""Seconds of numbers that a look for marks goes back beyond the newest one."""
MAX_PAGE = 2_000
"""Marks that are read at once: some milliseconds in which nothing else runs."""
MAX_CLOCK_DIFFERENCE = 5
"""Seconds between our clock and the store's that are no event."""


class Follower:
    """One background task of a gate."""

    def __init__(
        self,
        store: Store,
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
        self._looked_at = self._marks_read_at = _Moment(-float("inf"), 0)
        self._marks_since = 0
        self._deep_at = -float("inf")
        self._is_costly = False
        self._differs = False

    async def run(self, alive: Alive = ignore) -> None:
        """Follow until cancelled. While the store is unavailable, try again after a pause."""
        while True:
            try:
                await self._follow(alive)
            except StoreUnavailable as lost:
                self._note_loss(lost)
            except Exception as fault:
                self._note_loss(fault)
                raise
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def load(self) -> None:
        """Read everything that still matters. Raises StoreUnavailable."""
        await self._look(everything=True)

    async def _follow(self, alive: Alive) -> None:
        async with self._store.subscribe() as subscription:
            await self.load()
            await self._reload_keys()
            while True:
                alive()
                named = await subscription.next(POLL_INTERVAL)
                sids = [sid for sid in named if sid != CLAIMS_CHANGED]
                if len(sids) < len(named):
                    await _pause_after(self._marks_read_at, MARKS_INTERVAL)
                    await self._read_marks()
                is_known = named and await self._verify(sids)
                if not is_known or self._looked_at.age() > POLL_INTERVAL:
                    await _pause_after(self._looked_at, LOOK_INTERVAL)
                    await self._look()
                    await self._reload_keys()

    async def _verify(self, sids: Sequence[bytes]) -> bool:
        """Publish those of the named sessions that are revoked by their rows. Returns whether all are."""
        if not sids:
            return True
        found = {revocation.sid for revocation in await self._store.revoked_among(sids)}
        self._revocations.publish(found)
        return found.issuperset(sids)

    async def _look(self, *, everything: bool = False) -> None:
        """Read the store. What was read was true when the look began, so contact is counted from there."""
        began = _Moment(time.monotonic(), self._clock.now())
        now = await self._common_time(began.wall)
        everything = everything or self._is_lost  # a part that was missing is read from as far back as a first look
        is_deep = everything or not self._is_costly or began.monotonic - self._deep_at > DEEP_INTERVAL
        depth = self._revocations.kept if everything else self._depth(began, is_deep=is_deep)
        if is_deep:
            self._marks_since = first_number(now - self._revocations.kept)
        await self._read_marks(everything=is_deep)
        found, lost = await self._read(now - depth)
        epoch = await self._store.epoch()
        if is_deep:
            self._deep_at, self._is_costly = began.monotonic, len(found) > MAX_DEEP
        self._looked_at = began
        self._revocations.raise_epoch(epoch)
        self._revocations.load((sid for sid, _ in found), age=began.age(), missing=lost.missing if lost else ())
        if lost is not None:
            self._note_loss(lost)
        elif self._is_lost:
            self._is_lost = False
            self._report(RevocationsRestored(at=self._clock.now()))

    async def _read_marks(self, *, everything: bool = False) -> None:
        """Publish the marks from shortly before the newest one on, since a number may be committed after the next.

        Page by page: requests are served in between.
        """
        marks, since = self._revocations.marks, self._marks_since
        if not everything:
            since = max(since, marks.newest - MARKS_OVERLAP * UNITS)
        self._marks_read_at = _Moment(time.monotonic(), self._clock.now())
        last = ClaimsMark(since, "", -1)
        while True:
            page = await self._store.claims_marks(above=last, limit=MAX_PAGE)
            marks.publish(page, now=self._clock.now())
            if len(page) < MAX_PAGE:
                return
            last = page[-1]

    async def _read(self, since: int) -> tuple[Sequence[Revocation], PartlyRead | None]:
        """The revocations, and the error if a part of the store could not be read."""
        try:
            return await self._store.revoked_since(since), None
        except PartlyRead as lost:
            return lost.found, lost

    def _depth(self, began: "_Moment", *, is_deep: bool) -> int:
        """Seconds that a look goes back: to the last one, and a margin further."""
        # The larger of both clocks: one stands still while the machine sleeps, the other may be set.
        since_last = max(began.monotonic - self._looked_at.monotonic, began.wall - self._looked_at.wall)
        return int(min(self._revocations.kept, since_last + 1 + (CLOCK_MARGIN if is_deep else OVERLAP)))

    async def _common_time(self, before: int) -> int:
        """The earlier of our time and the store's. Reports a difference once, until the clocks agree again."""
        try:
            there = await self._store.time()
        except StoreUnavailable:  # the read that follows decides whether the store is unavailable
            there = None
        if there is None:
            return before
        ahead, behind = before - there, there - self._clock.now()
        differs = max(ahead, behind) > MAX_CLOCK_DIFFERENCE
        if differs and not self._differs:
            seconds = ahead if ahead > 0 else -behind
            logger.warning("the clock of this machine is %+d seconds from the store's", seconds)
            self._report(ClockDiffers(at=before, seconds=seconds))
        self._differs = differs
        return min(before, there)

    def _note_loss(self, why: Exception) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.warning("revocations cannot be read from the store: %s", why)
            self._report(RevocationsLost(at=self._clock.now()))


class _Moment:
    """One moment on two clocks."""

    __slots__ = ("monotonic", "wall")

    def __init__(self, monotonic: float, wall: int) -> None:
        self.monotonic = monotonic
        self.wall = wall

    def age(self) -> float:
        """Seconds since then, by the monotonic clock."""
        return time.monotonic() - self.monotonic


async def _pause_after(moment: _Moment, interval: float) -> None:
    """Wait until `interval` seconds have passed since then."""
    left = interval - moment.age()
    if left > 0:
        await asyncio.sleep(left)
