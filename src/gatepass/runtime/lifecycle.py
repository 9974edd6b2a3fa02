"""The life of a gate: what is opened with it, what runs beside it, in which order all of it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.mail.outbox import Outbox
from gatepass.ports import Store

Task = Callable[[], Coroutine[Any, Any, None]]


class Lifecycle:
    """Opens and closes the parts of one gate. `beside` are tasks by name, which run until it ends."""

    def __init__(
        self,
        store: Store,
        *,
        load_keys: Callable[[], Awaitable[None]],
        revocations: RevokedSessions,
        outbox: Outbox | None,
        beside: Mapping[str, Task],
    ) -> None:
        self._store = store
        self._load_keys = load_keys
        self._revocations = revocations
        self._outbox = outbox
        self._beside = beside
        self._tasks: list[asyncio.Task[None]] = []
        self._opening = asyncio.Lock()
        self.is_open = False

    async def open(self) -> None:
        """Open the store and load what the guards must know. Idempotent."""
        if self.is_open:
            return
        async with self._opening:
            if self.is_open:
                return
            await self._store.open()
            try:
                await self._load_keys()
                self._revocations.load(await self._store.revoked_since(self._revocations.since))
            except BaseException:
                await self._store.close()  # the next request opens it anew
                raise
            if self._outbox is not None:
                self._outbox.open()
            self._tasks = [asyncio.create_task(run(), name=name) for name, run in self._beside.items()]
            self.is_open = True

    async def close(self) -> None:
        """Finish what was accepted, mail before the store, and let the store go. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self.is_open = False
        if self._outbox is not None:
            await self._outbox.close()
        await self._store.close()
