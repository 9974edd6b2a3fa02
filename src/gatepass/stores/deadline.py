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


class in_time:  # noqa: N801 (read as `async with in_time():`)
    """A block that waits for a store. Raises StoreUnavailable once the budget of its request, if any, is spent."""

    __slots__ = ("_budget", "_started", "_timeout")

    async def __aenter__(self) -> None:
        budget = _budget.get()
        self._budget = None if budget is None or budget.is_over else budget
        if self._budget is None:
            return
        if self._budget.left <= 0:
            raise _late()
        self._started = time.monotonic()
        self._timeout = asyncio.timeout(self._budget.left)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._budget is None:
            return
        self._budget.left -= time.monotonic() - self._started
        try:
            await self._timeout.__aexit__(kind, fault, trace)
        except TimeoutError as late:
            raise _late() from late


def _late() -> StoreUnavailable:
    return StoreUnavailable("The store takes too long; try again.")
