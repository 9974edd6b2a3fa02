"""Opens the parts of a gate, runs its background tasks, and closes everything in order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import Event, TaskFailed, TaskRecovered
from gatepass.errors import StoreUnavailable, Unavailable
from gatepass.mail.outbox import Outbox
from gatepass.ports import Clock, Store
from gatepass.supervisor import BackgroundTask, Supervisor


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
        report: Callable[[Event], None],
    ) -> None:
        """`load` reads what the gate must know before it serves: signing keys, revocations, the epoch."""
        self._store = store
        self._load = load
        self._revocations = revocations
        self._outbox = outbox
        self._background_tasks = background_tasks
        self._supervisor = Supervisor(
            failed=lambda task, why: report(TaskFailed(at=clock.now(), task=task, why=why)),
            recovered=lambda task: report(TaskRecovered(at=clock.now(), task=task)),
        )
        self._opening = asyncio.Lock()
        self._failures = 0
        self.is_open = False

    async def open(self) -> None:
        """Open the store and load the signing keys and the revocations. Idempotent."""
        if self.is_open:
            return
        failures = self._failures
        async with self._opening:
            if self.is_open:
                return
            if failures != self._failures:  # while this caller waited: else each would wait for an attempt of its own
                raise StoreUnavailable
            try:
                await self._store.open()
            except BaseException:
                self._failures += 1
                raise
            try:
                await self._load()
            except BaseException:
                self._failures += 1
                await self._store.close()  # the next request opens it again
                raise
            if self._outbox is not None:
                self._outbox.open(self._supervisor)
            for name, run in self._background_tasks.items():
                self._supervisor.start(name, run)
            self.is_open = True

    async def close(self) -> None:
        """End the background tasks, send the mail that was accepted, then close the store. Idempotent."""
        await self._supervisor.stop(*self._background_tasks)
        self.is_open = False
        if self._outbox is not None:
            await self._outbox.close()
        await self._store.close()

    def check_health(self) -> None:
        """Raise Unavailable if a background task is failing, or guards do not trust what they know of revocations."""
        if self._supervisor.failing:
            raise Unavailable("not-ready", "A background task of this server is failing; see its log.")
        self._revocations.require_fresh()
