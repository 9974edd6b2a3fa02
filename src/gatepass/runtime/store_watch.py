"""Asks the store, again and again, whether it still keeps what it acknowledges.

What is refused when a store is opened may be set later, or by a fail-over to a server that is configured otherwise: a
memory policy that evicts sessions, commits that are not flushed. Sessions would be lost in silence. So a finding is an
event, and the server is not ready while it lasts: a balancer sends requests to others, if there are others.

The log has one record when requests are refused for want of the store, with the trace of the first, and one when the
store serves again, with their number: an outage under load must not bury what else the log has.
"""

import asyncio
import logging
from collections.abc import Callable

from gatepass.core.event import Event, StoreUnsafe
from gatepass.errors import StoreUnavailable
from gatepass.ports import Clock, Store
from gatepass.runtime.single_server import SingleServer
from gatepass.supervisor import Alive, ignore

logger = logging.getLogger("gatepass.store")
CHECK_INTERVAL = 5.0
"""Seconds between two checks, each one short question to each server."""


class StoreWatch:
    """One background task of a gate."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        report: Callable[[Event], None],
        single: SingleServer | None = None,
        serves: Callable[[], bool] = lambda: True,
    ) -> None:
        """`single` is asked while this process `serves`: a command is no server."""
        self._store = store
        self._clock = clock
        self._report = report
        self._single = single or SingleServer(None)
        self._serves = serves
        self._hazards: frozenset[str] = frozenset()
        self._refused = 0

    async def run(self, alive: Alive = ignore) -> None:
        """Check at intervals until cancelled. While the store is unavailable, what was found last holds."""
        while True:
            try:
                await self.check()
                alive()
            except StoreUnavailable:
                logger.debug("the store is unavailable; it is checked later", exc_info=True)
            await asyncio.sleep(CHECK_INTERVAL)

    def close(self) -> None:
        """Let another process serve from the store. Idempotent."""
        self._single.release()

    async def check(self) -> None:
        """Check once. Reports each new hazard, and the end of an outage. Raises StoreUnavailable."""
        await self._look()
        if self._refused:
            await self.ping()
            refused, self._refused = self._refused, 0
            logger.warning("the store serves again; requests refused meanwhile: %d", refused)

    async def _look(self) -> None:
        """Find the hazards of now, and report each new one. Raises StoreUnavailable."""
        found = frozenset(await self._store.hazards())
        if self._serves() and (shared := self._single.hazard()):
            found |= {shared}
        for hazard in sorted(found - self._hazards):
            logger.error("%s", hazard)
            self._report(StoreUnsafe(at=self._clock.now(), why=hazard))
        for hazard in sorted(self._hazards - found):
            logger.warning("no longer: %s", hazard)
        self._hazards = found

    def refused(self, why: StoreUnavailable) -> None:
        """Count a request that is refused; the first of an outage is logged."""
        self._refused += 1
        if self._refused == 1:
            logger.error("the store does not serve: requests are refused until it does", exc_info=why.__cause__)

    async def ping(self) -> None:
        """As `Store.ping`. Raises StoreUnavailable too while the store does not keep what it acknowledges.

        What was found is looked for anew: a server whose predecessor has just left the file is ready at once.
        """
        if self._hazards:
            await self._look()
        if self._hazards:
            raise StoreUnavailable from RuntimeError(min(self._hazards))
        await self._store.ping()
