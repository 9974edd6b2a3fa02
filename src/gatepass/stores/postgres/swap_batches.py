"""Lets swaps that arrive at the same time share a round trip and a commit.

Two lanes. A swap that finds a lane free goes at once; while both are on their way, the others gather, and the next
free lane takes them all. So alone nobody waits, and under load a commit is shared by many.

A batch is one row's UPDATE, many times in one transaction, not one UPDATE … FROM unnest(…). That costs the server some
7 µs more per row, and buys that the plan is always the look-up by sid (the other is planned from guesses about
arrays and table, and kept), and that rows are locked in our order: batches of different servers never deadlock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.core.session import Swap
from gatepass.errors import StoreUnavailable

Row = Sequence[Any]
Send = Callable[[Sequence[Swap]], Awaitable[Sequence[Row]]]
"""Applies swaps of different sids, all or none, and gives the new rows of those that held; sid first."""

LANES = 2
"""One would wait for its commit with nothing to do; a third takes from the second what it would have shared."""
MAX_BATCH = 64
"""Swaps per commit: beyond that the saved flush is nothing, and the first of them waits longer."""
MAX_WAITING = 10_000
"""About half a second of work. More would only be answered after clients gave up."""


@dataclass(slots=True, eq=False)
class _Job:
    swap: Swap
    answer: asyncio.Future[Row | None]


class SwapBatcher:
    """Sends swaps in batches. For one event loop."""

    def __init__(self, send: Send, *, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """`spawn` runs something as a task that is waited for when the store closes."""
        self._send = send
        self._spawn = spawn
        self._waiting: list[_Job] = []
        self._lanes = LANES
        self._is_due = False

    def put(self, swap: Swap) -> asyncio.Future[Row | None]:
        """The new row, or None where the swap's condition did not hold. Raises StoreUnavailable, here or there."""
        if len(self._waiting) >= MAX_WAITING:
            raise StoreUnavailable("The store has more to do than it can; try again.")
        loop = asyncio.get_running_loop()
        job = _Job(swap, loop.create_future())
        self._waiting.append(job)
        if not self._is_due and self._lanes:
            self._is_due = True
            loop.call_soon(self.dispatch)  # once for all that this turn of the loop brings
        return job.answer

    def dispatch(self) -> None:
        """Send what waits, as far as lanes are free."""
        self._is_due = False
        while self._waiting and self._lanes:
            self._lanes -= 1
            self._spawn(self._deliver(self._next_batch()))

    def _next_batch(self) -> list[_Job]:
        """One job per sid, in the order of the sids: who comes second to a session comes with the next batch."""
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
        except BaseException as fault:  # every future of the batch learns of it
            for job in batch:
                if not job.answer.done():
                    job.answer.set_exception(_told(fault))
            if not isinstance(fault, Exception):
                raise
        else:
            by_sid = {row[0]: row for row in rows}
            for job in batch:
                if not job.answer.done():  # else its task was cancelled: what it did stands
                    job.answer.set_result(by_sid.get(job.swap.sid))
        finally:
            self._lanes += 1
            self.dispatch()


def _told(fault: BaseException) -> Exception:
    """One exception for each who waits: a shared one would gather everybody's traceback."""
    if isinstance(fault, StoreUnavailable) or not isinstance(fault, Exception):
        told = StoreUnavailable()
        told.__cause__ = fault.__cause__ or fault
        return told
    return fault
