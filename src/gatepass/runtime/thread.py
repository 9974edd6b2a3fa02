"""Runs a gate in a process without an event loop: one daemon thread, with a loop of its own.

The store, the follower and the janitor run there. The threads of a WSGI server hand it the requests for the auth
endpoints, and call the guards, which need no loop, directly. The thread starts when it is first needed.

Nothing that is open may cross a fork: connections would be shared by two processes, and threads do not survive it. So
before a fork (of a pre-forking server that has already served a request, or by `multiprocessing`) the gate is closed.
The parent opens it again at once, the child when it needs it. At the end of the process the gate is closed as well.
uWSGI forks without telling Python: a gate that was open there is refused in the child.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 (it takes a lock at a fork that we need: our hooks must run first)
import logging
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.runtime.process_end import at_end

logger = logging.getLogger("gatepass.server")

Result = TypeVar("Result")

OPEN_TIMEOUT = 2.0
"""Seconds that requests wait for a gate that is opening, so that a start causes no 503; then guards respond 503."""
REOPEN_INTERVAL = 1.0
"""Seconds before a gate that could not open is opened again: requests must not overload a store that restarts."""
SHUTDOWN_TIMEOUT = 5.0
"""Seconds for calls that are under way when the thread stops: longer than any refresh."""
FORKED = (
    "This process was forked while its gate was open, and Python was not told: its parent called the gate before. "
    "Start uWSGI with --lazy-apps, so that each worker loads the application, or with --py-call-uwsgi-fork-hooks."
)


class LoopThread:
    """Runs one gate on a thread, unless an event loop of this process has it open already.

    `open` and `close` are those of its Lifecycle; `home` returns the running event loop on which the gate is open, and
    `opening` the one that is opening it.
    """

    def __init__(
        self,
        *,
        open: Callable[[], Awaitable[None]],  # noqa: A002
        close: Callable[[], Awaitable[None]],
        home: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None,
        opening: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None,
    ) -> None:
        self._open = open
        self._close = close
        self._home = home
        self._opening_at = opening
        self._is_ready = False
        self._lock = threading.Lock()
        """Held while the thread starts, stops or accepts a call, and while the process forks."""
        self._process = 0
        """The one in which the thread was started."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opening: Future[None] | None = None
        self._tried_at = 0.0
        self._stopping = asyncio.Event()
        self._calls: set[asyncio.Task[Any]] = set()
        self.shutdown_events: set[asyncio.Event] = set()
        """Set when the thread stops, so that long-lived responses end. For the loop's thread only."""
        self._restarts = False
        _all.add(self)

    @property
    def loop_elsewhere(self) -> asyncio.AbstractEventLoop | None:
        """The running event loop that has the gate open, or is opening it, if it is not the caller's."""
        loop = self._place()
        return None if loop is asyncio.get_running_loop() else loop

    def _place(self) -> asyncio.AbstractEventLoop | None:
        """The loop for work: the gate may be open elsewhere while the thread, which came second, runs."""
        return self._home() or self._opening_at() or self._loop

    def wait_until_open(self) -> None:
        """Return once the gate is open, or after OPEN_TIMEOUT; guards respond with 503 while it is not open.

        Costs nothing once it is open. Raises ConfigurationError if the gate cannot open at all.
        """
        if self._is_ready and self._process == os.getpid():
            return
        self._refuse_in_child()
        with self._lock:
            if self._home() not in (None, self._loop):
                return
            elsewhere = self._opening_at()
            if elsewhere is None or elsewhere is self._loop:
                opening, timeout = self._start(), self._tried_at + OPEN_TIMEOUT - time.monotonic()
            else:
                opening, timeout = asyncio.run_coroutine_threadsafe(self._opened(), elsewhere), OPEN_TIMEOUT
        try:
            opening.result(max(0.0, timeout))
        except ConfigurationError as fault:
            raise ConfigurationError(str(fault)) from fault  # a new one: many threads raise it
        except (TimeoutError, CancelledError, StoreUnavailable):
            return  # `_opened` has logged the failure

    def submit(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Run a coroutine on the loop. Starts the thread and opens the gate if need be, without waiting for it."""
        self._refuse_in_child()
        with self._lock:
            loop = self._place()
            if loop is None or loop is self._loop:
                self._start()
                loop = self._loop
            assert loop is not None  # noqa: S101 (started above)
            return asyncio.run_coroutine_threadsafe(self._counted(work), loop)

    def stop(self) -> None:
        """Finish the accepted calls and close the gate. Idempotent; the next call opens it again."""
        if not self._is_of_parent:
            with self._lock:
                self._stop()

    @property
    def _is_of_parent(self) -> bool:
        """Whether a fork of which Python was not told has brought the loop here, without its thread."""
        return self._loop is not None and self._process != os.getpid()

    def _refuse_in_child(self) -> None:
        if self._is_of_parent:
            raise ConfigurationError(FORKED)

    def _start(self) -> Future[None]:
        """The current attempt to open, made now if there is none. The lock must be held."""
        if self._loop is None:
            self._process = os.getpid()  # before the loop: other threads look at both
            self._loop = asyncio.new_event_loop()
            self._opening, self._stopping, self._calls = None, asyncio.Event(), set()
            self._thread = threading.Thread(target=self._live, args=(self._loop,), name="gatepass", daemon=True)
            self._thread.start()
        opening, now = self._opening, time.monotonic()
        has_failed = opening is not None and opening.done() and opening.exception() is not None
        if opening is None or (has_failed and now - self._tried_at > REOPEN_INTERVAL):
            self._tried_at = now
            opening = self._opening = asyncio.run_coroutine_threadsafe(self._opened(), self._loop)
        return opening

    async def _opened(self) -> None:
        try:
            await self._open()
        except Exception as fault:
            logger.error("the gate cannot open: %s", fault)
            raise
        self._is_ready = self._home() in (None, self._loop) and not self._stopping.is_set()

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        # The thread cannot wait for itself.
        if loop is None or thread is None or thread is threading.current_thread():
            return
        self._is_ready = False
        loop.call_soon_threadsafe(self._stopping.set)
        thread.join(3 * SHUTDOWN_TIMEOUT)
        self._is_ready = False  # again: the thread may have opened the gate in between
        self._loop = self._thread = None

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        """The body of the thread."""
        try:
            loop.run_until_complete(self._until_stopped())
        finally:
            loop.close()

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        for event in self.shutdown_events:
            event.set()
        if self._opening is not None and self._opening.cancel():
            await asyncio.sleep(0)  # the loop processes the cancellation in a callback
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=SHUTDOWN_TIMEOUT)
            for task in late:
                task.cancel()
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self._close()
        except Exception:
            logger.exception("the gate did not close properly")

    async def _counted(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (coroutines run in tasks)
        self._calls.add(task)
        try:
            return await work
        finally:
            self._calls.discard(task)

    def _before_fork(self) -> None:
        self._lock.acquire()
        self._restarts = self._loop is not None
        self._stop()

    def _after_fork_in_parent(self) -> None:
        if self._restarts:
            self._start()
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._is_ready, self._loop, self._thread = False, None, None
        self._lock = threading.Lock()


_all: "weakref.WeakSet[LoopThread]" = weakref.WeakSet()
_forking: list[LoopThread] = []
"""Those whose locks are held for the fork: another thread may create one more meanwhile."""


def _stop_all() -> None:
    for background in list(_all):
        background.stop()


at_end(_stop_all)


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
