"""Opens the parts of a gate, runs its background tasks, and closes everything in order.

A gate that is open belongs to one event loop: connections, tasks and queues do. A loop may end without a word (the end
of `asyncio.run`, of a test, of a job in a worker), so the gate is open only where its loop is the running one. On
another loop it opens again, and takes along what it had accepted: mail that was queued there is sent from here.

Two loops in two threads may need it at once: the first one opens it, and the other waits for that.
"""

import asyncio
import contextlib
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import TaskFailed, TaskRecovered
from gatepass.errors import ConfigurationError, StoreUnavailable, Unavailable
from gatepass.mail.outbox import Outbox
from gatepass.per_process import PerProcess
from gatepass.ports import Clock, Store
from gatepass.problem_codes import ProblemCode
from gatepass.runtime.event_log import EventBus
from gatepass.runtime.process_end import at_end
from gatepass.supervisor import BackgroundTask, Supervisor

logger = logging.getLogger("gatepass.server")

OPENING_TIMEOUT = 10.0
"""Seconds to wait for the loop of another thread that opens the gate: that loop may be blocked, or have been left."""


@dataclass(frozen=True, slots=True, eq=False)
class _Opening:
    """An attempt to open, on one event loop. `ended` says to those who wait, on any loop, whether it succeeded."""

    loop: asyncio.AbstractEventLoop
    ended: Future[bool] = field(default_factory=Future)

    async def wait(self) -> None:
        """Return when the gate was opened. Raises StoreUnavailable."""
        timeout = None if self.loop is asyncio.get_running_loop() else OPENING_TIMEOUT
        done, _ = await asyncio.wait([asyncio.wrap_future(self.ended)], timeout=timeout)
        if not done or not self.ended.result():
            raise StoreUnavailable


class _Turn:
    """The attempt of one process that is under way. A child has no thread that would end its parent's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opening: _Opening | None = None


class Lifecycle:
    """Opens and closes one gate. `background_tasks` by name run from the end of `open` until `close` cancels them."""

    def __init__(
        self,
        store: Store,
        *,
        load: Callable[[], Awaitable[None]],
        revocations: RevokedSessions,
        outbox: Outbox | None,
        background_tasks: Mapping[str, BackgroundTask],
        clock: Clock,
        report: EventBus,
        at_close: Callable[[], None] = lambda: None,
    ) -> None:
        """`load` reads what the gate must know before it serves: signing keys, revocations, the epoch.

        `at_close` is called last of all.
        """
        self._at_close = at_close
        self._store = store
        self._load = load
        self._revocations = revocations
        self._outbox = outbox
        self._background_tasks = background_tasks
        self._clock = clock
        self._report: EventBus = report
        self._supervisor = self._new_supervisor()
        self._turns = PerProcess(_Turn)
        self._holders: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, int] = weakref.WeakKeyDictionary()
        self.serves = False
        """Whether the endpoints have been asked in this process: it is a server, and no command or script."""
        self._loop: asyncio.AbstractEventLoop | None = None
        _all.add(self)

    def _new_supervisor(self) -> Supervisor:
        clock, report = self._clock, self._report
        return Supervisor(
            failed=lambda task, why: report(TaskFailed(at=clock.now(), task=task, why=why)),
            recovered=lambda task: report(TaskRecovered(at=clock.now(), task=task)),
        )

    @property
    def is_open(self) -> bool:
        """Whether the gate is open on the event loop that is running."""
        return self._loop is asyncio.get_running_loop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which the gate is open, if that loop is running."""
        loop = self._loop
        return loop if loop is not None and loop.is_running() else None

    @property
    def was_left(self) -> bool:
        """Whether the gate was open on an event loop that is not running any more."""
        return self._loop is not None and not self._loop.is_running()

    @property
    def opening_loop(self) -> asyncio.AbstractEventLoop | None:
        """The running event loop that is just opening the gate."""
        opening = self._turns.here.opening
        return opening.loop if opening is not None and opening.loop.is_running() else None

    async def open(self) -> None:
        """Open the store and load the signing keys and the revocations. Idempotent: open on another loop is open."""
        while self.loop is None:
            await self._open_or_wait()

    async def open_here(self) -> None:
        """As `open`, on this event loop. Raises ConfigurationError while the gate is open on another running one."""
        while not self.is_open:
            if self.loop is not None:
                raise ConfigurationError(
                    "This gate is open on another event loop, which runs in another thread and takes no work: it "
                    "waits, perhaps for this request. In an async test use an async client (httpx.ASGITransport), or "
                    "close the gate first."
                )
            await self._open_or_wait()

    async def _open_or_wait(self) -> None:
        """One attempt to open: on this event loop, or that which is under way, here or on another one.

        Raises StoreUnavailable if that one fails: else each caller would wait for an attempt of its own.
        """
        mine = _Opening(asyncio.get_running_loop())
        opening = self._claim(mine)
        if opening is not mine:
            await opening.wait()
            return
        is_open = False
        try:
            if self.loop is None:  # another thread may have opened it just before
                await self._open_parts()
            is_open = True
        finally:
            if self._turns.here.opening is mine:
                self._turns.here.opening = None
            mine.ended.set_result(is_open)

    def _claim(self, mine: _Opening) -> _Opening:
        """The attempt that is under way, which is `mine` if there is no other."""
        turn = self._turns.here
        with turn.lock:
            if turn.opening is None or not turn.opening.loop.is_running():
                turn.opening = mine
            return turn.opening

    async def _open_parts(self) -> None:
        self._leave_other_loop()
        await self._store.open()
        try:
            await self._load()
        except BaseException:
            await self._store.close()  # the next request opens it again
            raise
        if self._outbox is not None:
            self._outbox.open(self._supervisor)
        for name, run in self._background_tasks.items():
            self._supervisor.start(name, run)
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """End the background tasks, send the mail that was accepted, then close the store. Idempotent."""
        home = self.loop
        if home is not None and not self.is_open:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.close(), home))
            return
        if self.was_left and self._outbox is not None and self._outbox.unfinished:
            await self.open()  # the loop ended before it sent the mail
        await self._supervisor.stop(*self._background_tasks)
        self._loop = None
        if self._outbox is not None:
            await self._outbox.close()
        await self._report.finish()
        await self._store.close()
        self._at_close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The gate is open while entered. It may be entered several times, also on several event loops at once.

        The last one to leave the loop of the gate closes it, and it opens again on a loop where it is still entered.
        """
        loop = asyncio.get_running_loop()
        await self.open()
        self._holders[loop] = self._holders.get(loop, 0) + 1
        try:
            yield
        finally:
            self._holders[loop] -= 1
            if self._holders[loop] == 0:
                del self._holders[loop]
                if self.is_open:
                    await self.close()
                for other in [each for each in self._holders if each.is_running()][:1]:
                    asyncio.run_coroutine_threadsafe(self.open(), other)

    def check_health(self) -> None:
        """Raise Unavailable if a background task is failing, or guards do not trust what they know of revocations."""
        if self._supervisor.failing:
            raise Unavailable(ProblemCode.NOT_READY, "A background task of this server is failing; see its log.")
        self._revocations.require_fresh()

    def finish(self) -> None:
        """At the end of the process: send the mail that an event loop left behind when it ended."""
        if self.was_left and self._outbox is not None and self._outbox.unfinished:
            try:
                asyncio.run(self.close())
            except Exception:
                logger.exception("mail that was accepted was not sent")

    def _leave_other_loop(self) -> None:
        """Forget what belongs to a loop that has ended."""
        left = self._loop
        if left is None:
            return
        logger.info("the event loop of the gate has ended; it opens again on another one")
        self._supervisor.abandon(left)
        self._supervisor = self._new_supervisor()
        if self._outbox is not None:
            self._outbox.abandon()
        self._loop = None


_all: "weakref.WeakSet[Lifecycle]" = weakref.WeakSet()


def _finish_all() -> None:
    for lifecycle in list(_all):
        lifecycle.finish()


at_end(_finish_all)
