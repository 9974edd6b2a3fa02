"""What one process revokes, the guards of another refuse; and what happens while nobody can tell them (P4)."""

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
from gatepass.runtime import follower as following
from gatepass.runtime.follower import Follower
from gatepass.stores.memory import MemoryStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import FastHasher, ManualClock
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET
from tests.support.patience import patience

SID = bytes(range(16))


class ScriptedStore(MemoryStore):
    """A shared store whose news a test tells, and whose contact it cuts."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__()
        self.news: asyncio.Queue[Sequence[Revocation] | StoreUnavailable] = asyncio.Queue()
        self.known: list[Revocation] = []
        self.looks: list[int] = []
        self.is_ill = False

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator["ScriptedStore"]:  # type: ignore[override]
        if self.is_ill:
            raise StoreUnavailable("cut")
        yield self

    async def next(self, within: float) -> Sequence[Revocation]:
        told = await self.news.get()
        if isinstance(told, StoreUnavailable):
            raise told
        return told

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        self.looks.append(since)
        return [revocation for revocation in self.known if revocation.at >= since]


class Stage:
    """A follower between a scripted store and a real feed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "RETRY", 0)
        self.clock = ManualClock()
        self.store = ScriptedStore()
        self.feed = RevokedSessions(clock=self.clock, horizon=900, patience=30)
        self.events: list[Event] = []
        self.follower = Follower(
            self.store, feed=self.feed, look_at_keys=self.look, clock=self.clock, report=self.events.append
        )

        self.key_looks = 0

    async def look(self) -> None:
        self.key_looks += 1

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the follower run until something holds."""
        async with patience():
            while not holds():
                await asyncio.sleep(0)

    def refuses(self, sid: bytes) -> bool:
        try:
            return self.feed.is_revoked(sid.hex())
        except Unavailable:
            return False

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """The follower runs, and has loaded once."""
        task = asyncio.create_task(self.follower.run())
        await self.until(lambda: bool(self.store.looks))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def test_everything_that_still_matters_is_loaded_after_subscribing(stage: Stage) -> None:
    stage.store.known = [Revocation(SID, stage.clock.now() - 899)]
    async with stage.following():
        await stage.until(lambda: stage.refuses(SID))
        assert stage.store.looks == [stage.clock.now() - 900]


async def test_what_is_told_is_refused_without_a_look_at_the_store(stage: Stage) -> None:
    async with stage.following():
        stage.store.news.put_nowait([Revocation(SID, stage.clock.now())])
        await stage.until(lambda: stage.refuses(SID))
        assert len(stage.store.looks) == 1


async def test_silence_is_followed_by_a_look_that_allows_for_late_commits_and_wrong_clocks(stage: Stage) -> None:
    async with stage.following():
        stage.store.known = [Revocation(SID, stage.clock.now() - 59)]
        stage.store.news.put_nowait([])
        await stage.until(lambda: stage.refuses(SID))
        assert stage.store.looks[1:] == [stage.clock.now() - 60]


async def test_after_a_gap_everything_is_loaded_again_and_both_ends_of_it_are_reported(stage: Stage) -> None:
    async with stage.following():
        stage.store.is_ill = True
        stage.store.news.put_nowait(StoreUnavailable("cut"))
        await stage.until(lambda: bool(stage.events))
        stage.store.known = [Revocation(SID, stage.clock.now() - 899)]
        stage.store.is_ill = False
        await stage.until(lambda: stage.refuses(SID))
        now = stage.clock.now()
        assert stage.events == [RevocationsLost(at=now), RevocationsRestored(at=now)]


class TestPatience:
    def feed(self, monkeypatch: pytest.MonkeyPatch, *, patience: float) -> tuple[RevokedSessions, list[float]]:
        seconds = [1_000.0]
        monkeypatch.setattr("gatepass.access.revoked_sessions.time.monotonic", lambda: seconds[0])
        feed = RevokedSessions(clock=ManualClock(), horizon=900, patience=patience)
        feed.load([Revocation(SID, 1)])
        return feed, seconds

    def test_a_feed_out_of_touch_answers_for_its_patience_and_then_refuses_to(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        feed, seconds = self.feed(monkeypatch, patience=30)
        seconds[0] += 30
        assert not feed.is_revoked("ff" * 16)
        seconds[0] += 0.1
        with pytest.raises(Unavailable, match="out-of-touch"):
            feed.is_revoked("ff" * 16)
        assert feed.is_revoked(SID.hex()), "what is known to be over stays over"
        feed.load([])
        assert not feed.is_revoked("ff" * 16)

    def test_where_nobody_else_can_revoke_there_is_nothing_to_wait_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed, seconds = self.feed(monkeypatch, patience=float("inf"))
        seconds[0] += 1e9
        assert not feed.is_revoked("ff" * 16)


async def test_a_revocation_beside_the_server_is_refused_by_its_guards_at_once(tmp_path: Path) -> None:
    """As `gatepass sessions revoke` does on the file of a running server."""
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
