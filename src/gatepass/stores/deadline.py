"""How long one request waits for its stores, all its calls together.

Each wait on a store has a time-out of its own (for a connection, for a lock, for a reply). A request makes several
calls, and their sum would be longer than its client waits. So the request hands one budget down to all of them: a call
is given up when the budget is spent, and none is begun after that. Work that a store shields goes on to its end, as
when a caller is cancelled; the request is answered with 503.

Time that a request spends otherwise (its body arrives, its password waits for a thread) is not the stores', and is
bounded elsewhere.
"""

import asyncio
import time
from contextvars import Context, ContextVar, copy_context
from types import TracebackType

from gatepass.errors import StoreUnavailable

STORE_TIME = 8.0
"""Seconds that one request waits for its stores: less than the 10 after which our clients give up."""


class _Budget:
    __slots__ = ("is_over", "left")

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self.is_over = False


_budget: ContextVar[_Budget | None] = ContextVar("gatepass store time", default=None)


class store_time:  # noqa: N801 (read as `with store_time():`; a generator would cost each request a microsecond)
    """Gives the block one budget of STORE_TIME. Tasks that it starts and that outlive it are not bounded after it."""

    __slots__ = ("_given", "_token")

    def __enter__(self) -> None:
        self._given = _Budget(STORE_TIME)
        self._token = _budget.set(self._given)

    def __exit__(self, *_: object) -> None:
        self._given.is_over = True
        _budget.reset(self._token)


def without_budget() -> Context:
    """The current context, for a task that goes on when its caller has given up."""
    context = copy_context()
    context.run(_budget.set, None)
    return context


class in_time:  # noqa: N801 (read as `with in_time():`)
    """A block that waits for a store. Raises StoreUnavailable once the budget of its request, if any, is spent.

    What `asyncio.timeout` does, in a third of its time: every refresh waits here.
    """

    __slots__ = ("_before", "_budget", "_is_late", "_started", "_task", "_timer")

    def __enter__(self) -> None:
        budget = _budget.get()
        self._budget = None if budget is None or budget.is_over else budget
        if self._budget is None:
            return
        if self._budget.left <= 0:
            raise _late()
        task = asyncio.current_task()
        if task is None:  # as asyncio.timeout has it
            raise RuntimeError("a wait for a store is bounded inside a task")
        self._task, self._before, self._is_late = task, task.cancelling(), False
        self._started = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(self._budget.left, self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._budget is None:
            return
        self._timer.cancel()
        self._budget.left -= time.monotonic() - self._started
        # Another cancellation than ours goes on its way.
        if self._is_late and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            late = TimeoutError("the time that one request has for its stores is over")
            late.__cause__ = fault
            raise _late() from late

    def _expire(self) -> None:
        self._is_late = True
        self._task.cancel()


def _late() -> StoreUnavailable:
    return StoreUnavailable("The store takes too long; try again.")
