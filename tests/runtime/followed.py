"""A store that answers as a test says, and a follower of it with a clock of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import Event
from gatepass.errors import StoreUnavailable, Unavailable
from gatepass.ports import Revocation
from gatepass.runtime.follower import Follower
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import ManualClock
from tests.support.fake_time import FakeTime
from tools.services.patience import patience

SID = bytes(range(16))


class ScriptedStore(MemoryStore):
    """A shared store whose subscription a test feeds, whose connection it cuts, and whose clock it sets."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__()
        self.messages: asyncio.Queue[Sequence[bytes] | Exception] = asyncio.Queue()
        self.known: list[Revocation] = []
        self.reads: list[int] = []
        self.clock: int | None = None
        self.is_unavailable = False

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator["ScriptedStore"]:
        if self.is_unavailable:
            raise StoreUnavailable("cut")
        yield self

    async def next(self, within: float) -> Sequence[bytes]:
        told = await self.messages.get()
        if isinstance(told, Exception):
            raise told
        return told

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        self.reads.append(since)
        return [revocation for revocation in self.known if revocation.at >= since]

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return [revocation for revocation in self.known if revocation.sid in sids]

    async def time(self) -> int | None:
        return self.clock


class Harness:
    """A follower between a scripted store and a real set of revoked sessions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gatepass.runtime.follower.RECONNECT_INTERVAL", 0)
        monkeypatch.setattr("gatepass.runtime.follower.LOOK_INTERVAL", 0)
        self.time = FakeTime()
        monkeypatch.setattr("gatepass.runtime.follower.time", self.time)
        self.clock = ManualClock()
        self.store = ScriptedStore()
        self.revoked = RevokedSessions(retention=900, max_age=30)
        self.events: list[Event] = []
        self.follower = Follower(
            self.store,
            revocations=self.revoked,
            reload_keys=self.reload_keys,
            clock=self.clock,
            report=self.events.append,
        )
        self.key_reloads = 0

    async def reload_keys(self) -> None:
        self.key_reloads += 1

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the follower run until something holds."""
        async with patience():
            while not holds():
                await asyncio.sleep(0)

    async def ring(self) -> None:
        """Send a message that names nothing, and wait until the look is over."""
        count = self.key_reloads
        self.store.messages.put_nowait([])
        await self.until(lambda: self.key_reloads > count)

    def refuses(self, sid: bytes) -> bool:
        try:
            return self.revoked.is_revoked(sid.hex())
        except Unavailable:
            return False

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """The follower runs, and has loaded once."""
        task = asyncio.create_task(self.follower.run())
        await self.until(lambda: self.key_reloads == 1)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
