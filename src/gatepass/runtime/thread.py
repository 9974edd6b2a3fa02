"""A gate's life in a process without an event loop: one daemon thread, with a loop of its own.

The store, the revocation feed and the janitor run there; WSGI's threads hand it what the auth endpoints have to do,
and ask the guards, which need no loop, directly. It starts at the first need.

Nothing that is open crosses a fork: connections would be shared by two processes, and threads do not come along.
So before a fork (a pre-forking server that has already answered, `multiprocessing`) the gate is closed, and each side
opens it anew, the child when it needs it, the parent at once. At the end of the process it is closed as well.
"""

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 (holds a lock while it forks that we need: our hooks must run before)
import logging
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from gatepass.errors import ConfigurationError, StoreUnavailable

logger = logging.getLogger("gatepass.server")

Result = TypeVar("Result")

PATIENCE = 2.0
"""Seconds that requests wait for an opening gate, so that a start causes no 503; from then on guards answer 503."""
RETRY = 1.0
"""Seconds before a gate that could not open is tried again: requests must not hammer a store that restarts."""
GRACE = 5.0
"""Seconds for calls that are under way when it stops: longer than any refresh."""


class LoopThread:
    """Runs one gate. `open` and `close` are the gate's own."""

    def __init__(self, *, open: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]]) -> None:  # noqa: A002
        self._open = open
        self._close = close
        self._is_ready = False
        self._door = threading.Lock()
        """Held while it starts, stops, takes a call, or forks."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opening: Future[None] | None = None
        self._tried_at = 0.0
        self._stopping = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self.leaving: set[asyncio.Event] = set()
        """Set when it stops: those who stay for long end then. Of the loop's thread alone."""
        self._restarts = False
        _all.add(self)

    def wait_until_open(self) -> None:
        """Return once the gate is open, or has been waited for long enough: then the guards answer 503 by themselves.

        Costs nothing once it is open. Raises ConfigurationError where the gate can never open.
        """
        if self._is_ready:
            return
        with self._door:
            opening = self._start()
        try:
            opening.result(max(0.0, self._tried_at + PATIENCE - time.monotonic()))
        except ConfigurationError as fault:
            raise ConfigurationError(str(fault)) from fault  # one of our own: many threads raise it
        except (TimeoutError, CancelledError, StoreUnavailable):
            return  # a failure is logged by `_opened`; the guards refuse until it is open

    def submit(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Run a coroutine on the loop; the gate opens beside it if nobody has opened it."""
        with self._door:
            self._start()
            loop = self._loop
            assert loop is not None  # noqa: S101 (started above)
            return asyncio.run_coroutine_threadsafe(self._counted(work), loop)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, if there is one."""
        with self._door:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Finish what was accepted and close the gate. Idempotent; the next need opens it again."""
        with self._door:
            self._stop()

    def _start(self) -> Future[None]:
        """Under the door: the attempt to open that counts, made now if there is none."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._opening, self._stopping, self._calls = None, asyncio.Event(), set()
            self._thread = threading.Thread(target=self._live, args=(self._loop,), name="gatepass", daemon=True)
            self._thread.start()
        opening, now = self._opening, time.monotonic()
        has_failed = opening is not None and opening.done() and opening.exception() is not None
        if opening is None or (has_failed and now - self._tried_at > RETRY):
            self._tried_at = now
            opening = self._opening = asyncio.run_coroutine_threadsafe(self._opened(), self._loop)
        return opening

    async def _opened(self) -> None:
        try:
            await self._open()
        except Exception as fault:
            logger.error("the gate cannot open: %s", fault)
            raise
        self._is_ready = not self._stopping.is_set()

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        # On its own thread it cannot wait for itself.
        if loop is None or thread is None or thread is threading.current_thread():
            return
        self._is_ready = False
        loop.call_soon_threadsafe(self._stopping.set)
        thread.join(3 * GRACE)
        self._loop = self._thread = None

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread."""
        try:
            loop.run_until_complete(self._until_stopped())
        finally:
            loop.close()

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        for event in self.leaving:
            event.set()
        if self._opening is not None and self._opening.cancel():
            await asyncio.sleep(0)  # the cancellation reaches the loop by a callback of its own
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=GRACE)
            for task in late:
                task.cancel()
        try:
            async with asyncio.timeout(GRACE):
                await self._close()
        except Exception:
            logger.exception("the gate did not close as it should")

    async def _counted(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (coroutines run in tasks)
        self._calls.add(task)
        try:
            return await work
        finally:
            self._calls.discard(task)

    def _before_fork(self) -> None:
        self._door.acquire()
        self._restarts = self._loop is not None
        self._stop()

    def _after_fork_in_parent(self) -> None:
        if self._restarts:
            self._start()
        self._door.release()

    def _after_fork_in_child(self) -> None:
        self._is_ready, self._loop, self._thread = False, None, None
        self._door = threading.Lock()


_all: "weakref.WeakSet[LoopThread]" = weakref.WeakSet()
_forking: list[LoopThread] = []
"""Those whose doors are held just now: one more may be made by another thread meanwhile."""


@atexit.register
def _stop_all() -> None:
    for background in list(_all):
        background.stop()


def _before_fork() -> None:
    _forking[:] = list(_all)
    for background in _forking:
        background._before_fork()


def _after_fork_in_parent() -> None:
    for background in _forking:
        background._after_fork_in_parent()


def _after_fork_in_child() -> None:
    for background in _forking:
        background._after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
