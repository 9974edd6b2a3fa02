"""Lets swaps that arrive at the same time share a round trip and a commit.

At most two batches are in flight. A swap that arrives while fewer are goes out at once; otherwise it waits, and the
next batch takes all that wait. So a single swap never waits for others, and under load many share a commit.

A batch is the UPDATE of one row, executed many times in one transaction, and not one UPDATE … FROM unnest(…). That
costs the server about 7 µs more per row. In return the plan is always the look-up by sid (the plan of the other is
made from estimates of arrays and table, and kept), and rows are locked in our order: batches of different servers never
deadlock.

A row that another program holds (an open `psql`, a long UPDATE) must not stop the others of its batch. So a batch waits
for a lock for LOCK_TIMEOUT only. After that nothing was done, and its swaps are tried each alone. Those that are still
blocked go into a lane of their own, where one after another is tried again, and so does every later swap of the same
row. Both batches stay free for everyone else.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.core.session import Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores.limits import MAX_WAITING
from gatepass.stores.unavailable import as_unavailable, copy_for_waiter, overloaded

Row = Sequence[Any]
Send = Callable[[Sequence[Swap]], Awaitable[Sequence[Row]]]
"""Applies swaps of different sids. Returns the new rows of the swaps whose condition held; sid first.

Raises RowsLocked if some were not applied because their rows are locked; any other exception means that none was.
"""

MAX_IN_FLIGHT = 2
"""Batches under way. With one, no work would be sent while a commit is flushed; a third would take from the second the
swaps that could share its commit."""
MAX_BATCH = 64
"""Swaps per commit. Beyond that the flush saved is negligible, and the first swap waits longer."""
LOCK_TIMEOUT = 0.25
"""Seconds that a swap waits for a lock: more than a commit with a distant standby takes, which holds its rows."""
MAX_BLOCKED = 4.0
"""Seconds for which a swap whose row is locked is tried again."""


class RowsLocked(StoreUnavailable):
    """Some rows are locked by another transaction: their swaps were not applied. `rows` are those of the others."""

    def __init__(self, rows: Sequence[Row], sids: Sequence[bytes]) -> None:
        super().__init__()
        self.rows = rows
        self.sids = frozenset(sids)


@dataclass(slots=True, eq=False)
class _Job:
    swap: Swap
    result: asyncio.Future[Row | None]
    blocked_at: float = 0.0


class SwapBatcher:
    """Sends swaps in batches. For one event loop."""

    def __init__(self, send: Send, *, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """`spawn` starts a task that is finished before the store closes."""
        self._send = send
        self._spawn = spawn
        self._waiting: list[_Job] = []
        self._blocked: deque[_Job] = deque()
        self._blocked_sids: set[bytes] = set()
        self._in_flight = 0
        self._is_due = False

    def put(self, swap: Swap) -> asyncio.Future[Row | None]:
        """The new row, or None if the condition of the swap does not hold.

        Raises StoreUnavailable, either at once or from the future.
        """
        if len(self._waiting) + len(self._blocked) >= MAX_WAITING:
            raise overloaded()
        loop = asyncio.get_running_loop()
        job = _Job(swap, loop.create_future())
        if swap.sid in self._blocked_sids:
            self._block(job)
            return job.result
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
        except RowsLocked as locked:
            blocked = [job for job in batch if job.swap.sid in locked.sids]
            _resolve([job for job in batch if job.swap.sid not in locked.sids], locked.rows)
            for job in blocked:
                self._block(job)
        except BaseException as fault:  # every future of the batch must get it
            _fail(batch, fault)
            if not isinstance(fault, Exception):
                raise
        else:
            _resolve(batch, rows)
        finally:
            self._in_flight -= 1
            self.dispatch()

    def _block(self, job: _Job) -> None:
        """Put a swap into the lane of those whose rows are locked."""
        job.blocked_at = asyncio.get_running_loop().time()
        if not self._blocked_sids:
            self._spawn(self._try_blocked())
        self._blocked.append(job)
        self._blocked_sids.add(job.swap.sid)

    async def _try_blocked(self) -> None:
        """Try the blocked swaps again, one at a time, until each was applied or has waited for MAX_BLOCKED."""
        try:
            while self._blocked:
                job = self._blocked.popleft()
                await self._try_again(job)
                self._blocked_sids = {left.swap.sid for left in self._blocked}
        except BaseException as fault:
            _fail(self._blocked, fault)
            raise
        finally:
            self._blocked.clear()
            self._blocked_sids.clear()

    async def _try_again(self, job: _Job) -> None:
        try:
            rows = await self._send([job.swap])
        except RowsLocked as locked:
            if asyncio.get_running_loop().time() - job.blocked_at < MAX_BLOCKED:
                self._blocked.append(job)
            else:
                _fail([job], as_unavailable(locked.__cause__ or locked))
        except BaseException as fault:
            _fail([job], fault)
            if not isinstance(fault, Exception):
                raise
        else:
            _resolve([job], rows)


def _resolve(batch: Sequence[_Job], rows: Sequence[Row]) -> None:
    by_sid = {row[0]: row for row in rows}
    for job in batch:
        if not job.result.done():  # else its caller was cancelled; the swap is done all the same
            job.result.set_result(by_sid.get(job.swap.sid))


def _fail(batch: Iterable[_Job], fault: BaseException) -> None:
    for job in batch:
        if not job.result.done():
            job.result.set_exception(fault if _is_mistake(fault) else copy_for_waiter(fault))


def _is_mistake(fault: BaseException) -> bool:
    """Whether a caller or this program is wrong, rather than the store unavailable: it is raised as it is."""
    return isinstance(fault, Exception) and not isinstance(fault, StoreUnavailable)
