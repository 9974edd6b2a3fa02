"""Tasks of a store: work that goes on when its caller is cancelled, and that is finished before the store closes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gatepass.stores.deadline import in_time, without_budget

Result = TypeVar("Result")


class TaskSet:
    """Running tasks, for one event loop. Empty is false, as of any collection."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Start `work` as a task that `finish` waits for."""
        task = asyncio.create_task(work, context=without_budget())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def shielded(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which runs to its end even if the caller is cancelled, or has no time left."""
        task: asyncio.Task[Result] | None = None
        try:
            with in_time():
                task = self.spawn(work)
                return await asyncio.shield(task)
        finally:
            if task is None:
                work.close()  # it will never run

    async def finish(self) -> None:
        """Wait until no task is left, including those that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def raise_if_error(found: Result | BaseException) -> Result:
    """One result of `asyncio.gather(..., return_exceptions=True)`, raised if it is an exception."""
    if isinstance(found, BaseException):
        raise found
    return found
