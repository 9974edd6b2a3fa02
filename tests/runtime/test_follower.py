"""What one process revokes, the guards of another refuse; and what happens while the store is unavailable (P4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import ClockDiffers, Event, RevocationsLost, RevocationsRestored
from gatepass.core.policy import DAY, HOUR
from gatepass.errors import InvalidToken, StoreUnavailable, Unavailable
from gatepass.gate import Gatepass
from gatepass.ports import CLAIMS_CHANGED, Revocation
from gatepass.runtime.follower import Follower
from gatepass.stores.memory import MemoryStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import FastHasher, ManualClock
from tests.support.browser import ORIGIN, Browser
from tests.support.fake_time import FakeTime
from tests.support.gates import SECRET
from tools.services.patience import patience

SID = bytes(range(16))
FORGED = bytes(range(16, 32))


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


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    return Harness(monkeypatch)


async def test_everything_that_still_matters_is_loaded_after_subscribing_with_an_hours_margin_for_clocks(
    harness: Harness,
) -> None:
    harness.store.known = [Revocation(SID, harness.clock.now() - 900 - HOUR)]
    async with harness.following():
        await harness.until(lambda: harness.refuses(SID))
        assert harness.store.reads == [harness.clock.now() - 900 - HOUR]


class TestDoorbell:
    async def test_a_named_session_is_refused_once_its_row_says_so_without_another_look(self, harness: Harness) -> None:
        async with harness.following():
            harness.store.known = [Revocation(SID, harness.clock.now())]
            harness.store.messages.put_nowait([SID])
            await harness.until(lambda: harness.refuses(SID))
            assert len(harness.store.reads) == 1

    async def test_its_date_does_not_matter(self, harness: Harness) -> None:
        """The server that revoked may have any clock."""
        async with harness.following():
            harness.store.known = [Revocation(SID, 5), Revocation(FORGED, 2**60)]
            harness.store.messages.put_nowait([SID, FORGED])
            await harness.until(lambda: harness.refuses(SID) and harness.refuses(FORGED))

    async def test_a_message_about_a_session_that_is_not_over_ends_nobody_and_means_look(
        self, harness: Harness
    ) -> None:
        async with harness.following():
            harness.store.known = [Revocation(SID, harness.clock.now())]
            harness.store.messages.put_nowait([FORGED])
            await harness.until(lambda: harness.refuses(SID))
            assert not harness.refuses(FORGED)
            assert len(harness.store.reads) == 2

    async def test_however_many_messages_come_the_store_is_looked_at_in_intervals(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatepass.runtime.follower.LOOK_INTERVAL", 0.05)
        paused: list[float] = []
        sleep = asyncio.sleep

        async def noted(seconds: float) -> None:
            paused.extend([seconds] if seconds else [])
            harness.time.now += seconds
            await sleep(0)

        async with harness.following():
            harness.time.now += 1
            monkeypatch.setattr("gatepass.runtime.follower.asyncio.sleep", noted)
            for _ in range(3):
                harness.store.messages.put_nowait([FORGED])
            async with patience():
                while len(harness.store.reads) < 4:
                    await sleep(0)
        assert paused == pytest.approx([0.05, 0.05])


class TestLook:
    async def test_it_goes_back_to_the_last_look_and_an_hour_further(self, harness: Harness) -> None:
        async with harness.following():
            harness.time.now += 5
            harness.store.known = [Revocation(SID, harness.clock.now() - HOUR)]
            await harness.ring()
            assert harness.refuses(SID)

    @pytest.mark.parametrize("frozen", ["both clocks", "the monotonic clock alone", "the wall clock alone"])
    async def test_after_a_standstill_it_goes_back_to_where_that_began(self, harness: Harness, frozen: str) -> None:
        """A paused virtual machine, a suspended process: what was revoked meanwhile is older than any fixed margin."""
        harness.revoked.kept = 10 * HOUR
        async with harness.following():
            harness.store.known = [Revocation(SID, harness.clock.now())]
            harness.time.now += 0 if frozen == "the monotonic clock alone" else 5 * HOUR
            harness.clock.advance(0 if frozen == "the wall clock alone" else 5 * HOUR)
            await harness.ring()
            assert harness.refuses(SID)

    async def test_no_look_goes_further_back_than_tokens_live(self, harness: Harness) -> None:
        async with harness.following():
            harness.clock.advance(DAY)
            await harness.ring()
            assert harness.store.reads[1:] == [harness.clock.now() - 900 - HOUR]

    async def test_where_an_hour_has_very_many_revocations_most_looks_are_shallow(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatepass.runtime.follower.MAX_DEEP", 2)
        now = harness.clock.now()
        async with harness.following():
            harness.store.known = [Revocation(bytes([number]) * 16, now - 120) for number in range(3)]
            await harness.ring()
            harness.store.reads.clear()
            for _ in range(13):
                harness.time.now += 5
                harness.clock.advance(5)
                await harness.ring()
            depths = [now + 5 * place - since for place, since in enumerate(harness.store.reads, 1)]
            assert depths == [66] * 12 + [HOUR + 6], "once a minute it is deep all the same"

    async def test_it_reads_the_keys_and_the_epoch_too(self, harness: Harness) -> None:
        async with harness.following():
            await harness.store.raise_epoch(harness.clock.now())
            await harness.ring()
            assert harness.revoked.epoch == harness.clock.now()
            assert harness.key_reloads > 1

    async def test_contact_is_counted_from_when_a_look_began(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatepass.access.revoked_sessions.time", harness.time)
        async with harness.following():
            read = harness.store.revoked_since

            async def slow(since: int) -> Sequence[Revocation]:
                harness.time.now += 31
                return await read(since)

            monkeypatch.setattr(harness.store, "revoked_since", slow)
            await harness.ring()
            assert not harness.revoked.is_fresh


class TestClocks:
    @pytest.mark.parametrize("ahead", [6, 3600, -6, -960])
    async def test_a_clock_that_differs_from_the_stores_is_reported_once(self, harness: Harness, ahead: int) -> None:
        harness.store.clock = harness.clock.now() - ahead
        async with harness.following():
            await harness.ring()
            assert harness.events == [ClockDiffers(at=harness.clock.now(), seconds=ahead)]
            harness.store.clock = harness.clock.now()
            await harness.ring()
            harness.store.clock = harness.clock.now() - ahead
            await harness.ring()
            assert len(harness.events) == 2, "after they agreed it is news again"

    @pytest.mark.parametrize("ahead", [5, 0, -5])
    async def test_a_small_difference_is_none(self, harness: Harness, ahead: int) -> None:
        harness.store.clock = harness.clock.now() - ahead
        async with harness.following():
            await harness.ring()
            assert harness.events == []

    async def test_looks_begin_at_the_stores_time_where_ours_is_far_ahead(self, harness: Harness) -> None:
        harness.store.clock = harness.clock.now() - DAY
        harness.store.known = [Revocation(SID, harness.clock.now() - DAY - 900)]
        async with harness.following():
            assert harness.refuses(SID)


class TestMarks:
    """Accounts whose claims changed come by the same way."""

    async def mark(self, harness: Harness, *accounts: str) -> int:
        return await harness.store.mark_claims(accounts, now=harness.clock.now(), within=0)

    async def test_those_of_before_the_start_are_loaded_with_the_revocations(self, harness: Harness) -> None:
        await self.mark(harness, "ann")
        async with harness.following():
            assert harness.revoked.marks.is_stale("ann", 0, harness.clock.now())

    async def test_a_message_brings_them_without_another_look_at_the_revocations(self, harness: Harness) -> None:
        async with harness.following():
            number = await self.mark(harness, "ann")
            harness.store.messages.put_nowait([CLAIMS_CHANGED])
            await harness.until(lambda: harness.revoked.marks.newest == number)
            assert len(harness.store.reads) == 1

    async def test_one_message_may_name_sessions_beside_them(self, harness: Harness) -> None:
        async with harness.following():
            number = await self.mark(harness, "ann")
            harness.store.known = [Revocation(SID, harness.clock.now())]
            harness.store.messages.put_nowait([SID, CLAIMS_CHANGED])
            await harness.until(lambda: harness.refuses(SID) and harness.revoked.marks.newest == number)
            assert len(harness.store.reads) == 1

    async def test_without_a_message_the_next_look_finds_them(self, harness: Harness) -> None:
        async with harness.following():
            number = await self.mark(harness, "ann")
            await harness.ring()
            assert harness.revoked.marks.newest == number

    async def test_one_that_is_committed_after_the_next_number_is_not_missed(self, harness: Harness) -> None:
        async with harness.following():
            await self.mark(harness, "ann")
            late = harness.store._marks.pop(("ann", 0))
            newer = await harness.store.mark_claims(["bob"], now=harness.clock.now() + 5, within=0)
            harness.store.messages.put_nowait([CLAIMS_CHANGED])
            await harness.until(lambda: harness.revoked.marks.newest == newer)
            harness.store._marks[("ann", 0)] = late
            harness.store.messages.put_nowait([CLAIMS_CHANGED])
            await harness.until(lambda: harness.revoked.marks.is_stale("ann", 0, harness.clock.now()))

    async def test_a_flood_of_them_is_read_page_by_page(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatepass.runtime.follower.MAX_PAGE", 10)
        names = [f"account {number}" for number in range(95)]
        async with harness.following():
            await self.mark(harness, *names)
            harness.store.messages.put_nowait([CLAIMS_CHANGED])
            await harness.until(lambda: harness.revoked.marks.count == 95)
        assert all(harness.revoked.marks.is_stale(name, 0, harness.clock.now()) for name in names)

    async def test_what_no_token_can_be_older_than_is_not_read(self, harness: Harness) -> None:
        await self.mark(harness, "ann")
        harness.clock.advance(900 + HOUR + 1)
        number = await self.mark(harness, "bob")
        async with harness.following():
            assert [mark.number for _, mark in harness.revoked.marks.after(0)] == [number]


class TestFaults:
    async def test_after_a_gap_everything_is_loaded_again_and_both_ends_of_it_are_reported(
        self, harness: Harness
    ) -> None:
        async with harness.following():
            harness.store.is_unavailable = True
            harness.store.messages.put_nowait(StoreUnavailable("cut"))
            await harness.until(lambda: bool(harness.events))
            harness.store.known = [Revocation(SID, harness.clock.now() - 899)]
            harness.store.is_unavailable = False
            await harness.until(lambda: harness.refuses(SID))
            now = harness.clock.now()
            assert harness.events == [RevocationsLost(at=now), RevocationsRestored(at=now)]

    async def test_an_unexpected_error_is_a_loss_of_contact_too_and_left_to_the_supervisor(
        self, harness: Harness
    ) -> None:
        harness.store.messages.put_nowait(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            await harness.follower.run()
        assert harness.events == [RevocationsLost(at=harness.clock.now())]

    async def test_a_store_that_does_not_tell_the_time_is_followed_all_the_same(self, harness: Harness) -> None:
        async def refused() -> int:
            raise StoreUnavailable("NOPERM")

        harness.store.time = refused  # type: ignore[method-assign]
        async with harness.following():
            assert harness.revoked.is_fresh


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
