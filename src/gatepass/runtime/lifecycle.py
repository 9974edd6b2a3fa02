"""Opens the parts of a gate, runs its background tasks, and closes everything in order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.errors import StoreUnavailable
from gatepass.mail.outbox import Outbox
from gatepass.ports import Store

BackgroundTask = Callable[[], Coroutine[Any, Any, None]]


class Lifecycle:
    """Opens and closes one gate. `background_tasks` by name run from the end of `open` until `close` cancels them."""

    def __init__(
        self,
        store: Store,
        *,
        load_keys: Callable[[], Awaitable[None]],
        revocations: RevokedSessions,
        outbox: Outbox | None,
        background_tasks: Mapping[str, BackgroundTask],
    ) -> None:
        self._store = store
        self._load_keys = load_keys
        self._revocations = revocations
        self._outbox = outbox
        self._background_tasks = background_tasks
        self._tasks: list[asyncio.Task[None]] = []
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
                await self._load_keys()
                self._revocations.load(await self._store.revoked_since(self._revocations.cutoff))
            except BaseException:
                self._failures += 1
                await self._store.close()  # the next request opens it again
                raise
            if self._outbox is not None:
                self._outbox.open()
            self._tasks = [asyncio.create_task(run(), name=name) for name, run in self._background_tasks.items()]
            self.is_open = True

    async def close(self) -> None:
        """End the background tasks, send the mail that was accepted, then close the store. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self.is_open = False
        if self._outbox is not None:
            await self._outbox.close()
        await self._store.close()
