"""What one process revokes, the guards of another refuse; and what happens while the store is unavailable (P4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import Event, RevocationsLost, RevocationsRestored
from gatepass.errors import InvalidToken, StoreUnavailable, Unavailable
from gatepass.gate import Gatepass
from gatepass.ports import Revocation
from gatepass.runtime.follower import Follower
from gatepass.stores.memory import MemoryStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import FastHasher, ManualClock
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET
from tools.services.patience import patience

SID = bytes(range(16))


class ScriptedStore(MemoryStore):
    """A shared store whose subscription a test feeds and whose connection it cuts."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__()
        self.messages: asyncio.Queue[Sequence[Revocation] | StoreUnavailable] = asyncio.Queue()
        self.known: list[Revocation] = []
        self.reads: list[int] = []
        self.is_unavailable = False

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator["ScriptedStore"]:  # type: ignore[override]
        if self.is_unavailable:
            raise StoreUnavailable("cut")
        yield self

    async def next(self, within: float) -> Sequence[Revocation]:
        told = await self.messages.get()
        if isinstance(told, StoreUnavailable):
            raise told
        return told

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        self.reads.append(since)
        return [revocation for revocation in self.known if revocation.at >= since]


class Harness:
    """A follower between a scripted store and a real set of revoked sessions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gatepass.runtime.follower.RECONNECT_INTERVAL", 0)
        self.clock = ManualClock()
        self.store = ScriptedStore()
        self.revoked = RevokedSessions(clock=self.clock, retention=900, max_age=30)
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

    def refuses(self, sid: bytes) -> bool:
        try:
            return self.revoked.is_revoked(sid.hex())
        except Unavailable:
            return False

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """The follower runs, and has loaded once."""
        task = asyncio.create_task(self.follower.run())
        await self.until(lambda: bool(self.store.reads))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    return Harness(monkeypatch)


async def test_everything_that_still_matters_is_loaded_after_subscribing(harness: Harness) -> None:
    harness.store.known = [Revocation(SID, harness.clock.now() - 899)]
    async with harness.following():
        await harness.until(lambda: harness.refuses(SID))
        assert harness.store.reads == [harness.clock.now() - 900]


async def test_what_is_told_is_refused_without_a_look_at_the_store(harness: Harness) -> None:
    async with harness.following():
        harness.store.messages.put_nowait([Revocation(SID, harness.clock.now())])
        await harness.until(lambda: harness.refuses(SID))
        assert len(harness.store.reads) == 1


async def test_silence_is_followed_by_a_look_that_allows_for_late_commits_and_wrong_clocks(harness: Harness) -> None:
    async with harness.following():
        harness.store.known = [Revocation(SID, harness.clock.now() - 59)]
        harness.store.messages.put_nowait([])
        await harness.until(lambda: harness.refuses(SID))
        assert harness.store.reads[1:] == [harness.clock.now() - 60]


async def test_after_a_gap_everything_is_loaded_again_and_both_ends_of_it_are_reported(harness: Harness) -> None:
    async with harness.following():
        harness.store.is_unavailable = True
        harness.store.messages.put_nowait(StoreUnavailable("cut"))
        await harness.until(lambda: bool(harness.events))
        harness.store.known = [Revocation(SID, harness.clock.now() - 899)]
        harness.store.is_unavailable = False
        await harness.until(lambda: harness.refuses(SID))
        now = harness.clock.now()
        assert harness.events == [RevocationsLost(at=now), RevocationsRestored(at=now)]


class TestMaxAge:
    def loaded(self, monkeypatch: pytest.MonkeyPatch, *, max_age: float) -> tuple[RevokedSessions, list[float]]:
        seconds = [1_000.0]
        monkeypatch.setattr("gatepass.access.revoked_sessions.time.monotonic", lambda: seconds[0])
        revoked = RevokedSessions(clock=ManualClock(), retention=900, max_age=max_age)
        revoked.load([Revocation(SID, 1)])
        return revoked, seconds

    def test_a_feed_out_of_touch_answers_for_its_patience_and_then_refuses_to(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        revoked, seconds = self.loaded(monkeypatch, max_age=30)
        seconds[0] += 30
        assert not revoked.is_revoked("ff" * 16)
        seconds[0] += 0.1
        with pytest.raises(Unavailable, match="out-of-touch"):
            revoked.is_revoked("ff" * 16)
        assert revoked.is_revoked(SID.hex()), "what is known to be over stays over"
        revoked.load([])
        assert not revoked.is_revoked("ff" * 16)

    def test_where_nobody_else_can_revoke_there_is_nothing_to_wait_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        revoked, seconds = self.loaded(monkeypatch, max_age=float("inf"))
        seconds[0] += 1e9
        assert not revoked.is_revoked("ff" * 16)


async def test_a_revocation_beside_the_server_is_refused_by_its_guards_at_once(tmp_path: Path) -> None:
    """As `gatepass sessions revoke` does with the file of a running server."""
    gate = Gatepass(
        secrets=[SECRET], public_url=ORIGIN, store=f"sqlite:////{tmp_path / 'gate.db'}", hasher=FastHasher()
    )
    async with gate.running():
        ann = Browser(gate.asgi)
        await ann.register()
        header = [f"Bearer {ann.access_token}"]
        sid = gate.check.principal(header).session_id
        beside = SQLiteStore(tmp_path / "gate.db")
        await beside.open()
        await beside.revoke(bytes.fromhex(sid), reason="revoked", now=gate.sessions._clock.now())
        await beside.close()
        async with patience():
            with pytest.raises(InvalidToken):
                while True:
                    gate.check.principal(header)
                    await asyncio.sleep(0)
