"""What one process revokes, the guards of another refuse; and what happens while the store is unavailable (P4)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gatepass.core.event import RevocationsLost, RevocationsRestored
from gatepass.core.policy import DAY, HOUR
from gatepass.errors import InvalidToken, StoreUnavailable
from gatepass.gate import Gatepass
from gatepass.ports import Revocation
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import FastHasher
from tests.runtime.followed import SID, Harness
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET
from tools.services.patience import patience

FORGED = bytes(range(16, 32))


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
