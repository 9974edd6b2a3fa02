"""Lets swaps that arrive at the same time share a round trip and a commit.

At most two batches are in flight. A swap that arrives while fewer are goes out at once; otherwise it waits, and the
next batch takes all that wait. So a single swap never waits for others, and under load many share a commit.

A batch is the UPDATE of one row, executed many times in one transaction, and not one UPDATE … FROM unnest(…). That
costs the server about 7 µs more per row. In return the plan is always the look-up by sid (the plan of the other is
made from estimates of arrays and table, and kept), and rows are locked in our order: batches of different servers never
deadlock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.core.session import Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores.limits import MAX_WAITING
from gatepass.stores.unavailable import copy_for_waiter, overloaded

Row = Sequence[Any]
Send = Callable[[Sequence[Swap]], Awaitable[Sequence[Row]]]
"""Applies swaps of different sids, all or none. Returns the new rows of the swaps whose condition held; sid first."""

MAX_IN_FLIGHT = 2
"""Batches under way. With one, no work would be sent while a commit is flushed; a third would take from the second the
swaps that could share its commit."""
MAX_BATCH = 64
"""Swaps per commit. Beyond that the flush saved is negligible, and the first swap waits longer."""


@dataclass(slots=True, eq=False)
class _Job:
    swap: Swap
    result: asyncio.Future[Row | None]


class SwapBatcher:
    """Sends swaps in batches. For one event loop."""

    def __init__(self, send: Send, *, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """`spawn` starts a task that is finished before the store closes."""
        self._send = send
        self._spawn = spawn
        self._waiting: list[_Job] = []
        self._in_flight = 0
        self._is_due = False

    def put(self, swap: Swap) -> asyncio.Future[Row | None]:
        """The new row, or None if the condition of the swap does not hold.

        Raises StoreUnavailable, either at once or from the future.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise overloaded()
        loop = asyncio.get_running_loop()
        job = _Job(swap, loop.create_future())
        self._waiting.append(job)
        if not self._is_due and self._in_flight < MAX_IN_FLIGHT:
            self._is_due = True
            loop.call_soon(self.dispatch)  # once, for all swaps of this iteration of the loop
        return job.result

    def dispatch(self) -> None:
        """Send the waiting swaps, as far as MAX_IN_FLIGHT allows."""
        self._is_due = False
        while self._waiting and self._in_flight < MAX_IN_FLIGHT:
            self._in_flight += 1
            self._spawn(self._deliver(self._next_batch()))

    def _next_batch(self) -> list[_Job]:
        """One job per sid, ordered by sid. A second swap of the same session waits for the next batch."""
        batch: dict[bytes, _Job] = {}
        left: list[_Job] = []
        for job in self._waiting:
            if len(batch) < MAX_BATCH and job.swap.sid not in batch:
                batch[job.swap.sid] = job
            else:
                left.append(job)
        self._waiting = left
        return [batch[sid] for sid in sorted(batch)]

    async def _deliver(self, batch: list[_Job]) -> None:
        try:
            rows = await self._send([job.swap for job in batch])
        except BaseException as fault:  # every future of the batch must get it
            for job in batch:
                if not job.result.done():
                    job.result.set_exception(fault if _is_mistake(fault) else copy_for_waiter(fault))
            if not isinstance(fault, Exception):
                raise
        else:
            by_sid = {row[0]: row for row in rows}
            for job in batch:
                if not job.result.done():  # else its caller was cancelled; the swap is done all the same
                    job.result.set_result(by_sid.get(job.swap.sid))
        finally:
            self._in_flight -= 1
            self.dispatch()


def _is_mistake(fault: BaseException) -> bool:
    """Whether a caller or this program is wrong, rather than the store unavailable: it is raised as it is."""
    return isinstance(fault, Exception) and not isinstance(fault, StoreUnavailable)
