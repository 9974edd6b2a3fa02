"""Keeps the background tasks of a gate running: one that ends is logged, reported, and started again.

A task on the security path must not end unseen: a process whose revocations are no longer followed would let ended
sessions in. So a task that ends, for whatever reason, runs again after a pause, and is *failing* until it says that it
works again. Readiness is 503 meanwhile (`server/endpoints/documents.py`).

    supervisor.start("gatepass-janitor", janitor.run)    # async def run(alive): …; alive() after each piece of work
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

logger = logging.getLogger("gatepass.server")

RESTART_INTERVAL = (0.5, 5.0)
"""Seconds before the first restart, and at most before a later one: far less than the patience of the guards."""

Alive = Callable[[], None]
"""What a task calls when a piece of its work is done: it is not failing, or no longer."""
BackgroundTask = Callable[[Alive], Coroutine[Any, Any, None]]


def ignore() -> None:
    """An `Alive` for a task that runs without a supervisor."""


class Supervisor:
    """Runs tasks by name, on one event loop, until `stop`."""

    def __init__(
        self,
        *,
        failed: Callable[[str, str], None] = lambda _name, _why: None,
        recovered: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`failed` gets the name of a task and the kind of its fault, once for each row of failures."""
        self._failed = failed
        self._recovered = recovered
        self._runs: dict[str, BackgroundTask] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._restarts: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    @property
    def failing(self) -> list[str]:
        """The tasks that have ended, and have not said since that they work again."""
        return sorted(self._failures)

    def start(self, name: str, run: BackgroundTask) -> None:
        """Run a task, and run it again whenever it ends."""
        self._runs[name] = run
        self._spawn(name)

    async def stop(self, *names: str) -> None:
        """Cancel these tasks, or all of them, and wait until they have ended. Idempotent."""
        stopped = names or tuple(self._runs)
        tasks = [task for name in stopped if (task := self._tasks.pop(name, None)) is not None]
        for name in stopped:
            self._runs.pop(name, None)
            self._failures.pop(name, None)
            if (restart := self._restarts.pop(name, None)) is not None:
                restart.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def abandon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up the tasks of a loop that is not running: they are cancelled if it ever runs again."""
        left: list[asyncio.Task[None] | asyncio.TimerHandle] = [*self._tasks.values(), *self._restarts.values()]
        self._tasks, self._restarts, self._runs, self._failures = {}, {}, {}, {}
        if not loop.is_closed():
            for each in left:
                loop.call_soon_threadsafe(each.cancel)

    def _spawn(self, name: str) -> None:
        self._restarts.pop(name, None)
        task = asyncio.create_task(self._runs[name](partial(self._note_alive, name)), name=name)
        self._tasks[name] = task
        task.add_done_callback(partial(self._restart, name))

    def _restart(self, name: str, ended: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is not ended:  # stopped on purpose
            return
        fault = None if ended.cancelled() else ended.exception()
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        first, longest = RESTART_INTERVAL
        delay = min(longest, first * 2 ** min(failures - 1, 10))
        if failures == 1 and not ended.cancelled():
            self._tell(name, "ended" if fault is None else type(fault).__name__, fault)
        # At the end of an event loop every task is cancelled. That is told only if the loop goes on.
        again = self._spawn_cancelled if failures == 1 and ended.cancelled() else self._spawn
        self._restarts[name] = asyncio.get_running_loop().call_later(delay, again, name)

    def _spawn_cancelled(self, name: str) -> None:
        self._tell(name, "cancelled", None)
        self._spawn(name)

    def _tell(self, name: str, why: str, fault: BaseException | None) -> None:
        logger.error("%s stopped (%s) and is started again", name, why, exc_info=fault)
        self._failed(name, why)

    def _note_alive(self, name: str) -> None:
        if self._failures.pop(name, 0):
            logger.info("%s works again", name)
            self._recovered(name)
