"""The follower of revocations and the marks of changed claims; and clocks that jump or go apart (P4)."""

import pytest

from gatepass.core.event import ClockDiffers
from gatepass.core.policy import DAY, HOUR
from gatepass.ports import CLAIMS_CHANGED, Revocation
from tests.runtime.followed import SID, Harness


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
