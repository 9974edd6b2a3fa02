"""The contract of the marks of changed claims: rising numbers, one for all accounts, found by everybody, pruned."""

import asyncio

from gatepass.core.claims_mark import EVERYBODY, ClaimsMark, first_number
from gatepass.ports import Store
from gatepass.testing.records import NOW

FIRST = ClaimsMark(-1, "", 0)


class ClaimsBattery:
    """A mark is above all that were there, and is read by account and by number."""

    async def test_a_mark_has_at_least_the_number_of_its_time_and_is_above_all_that_there_are(
        self, store: Store
    ) -> None:
        one = await store.mark_claims(["ann"], now=NOW, within=0)
        assert one == first_number(NOW)
        two = await store.mark_claims(["bob"], now=NOW - 100, within=0)
        assert two > one, "a clock that is behind makes no lower number"
        three = await store.mark_claims(["ann"], now=NOW, within=0)
        assert three > two
        assert await store.mark_claims(["ann"], now=NOW + 1, within=0) == first_number(NOW + 1)

    async def test_an_account_has_the_highest_number_of_its_own_marks_and_of_those_for_all(self, store: Store) -> None:
        assert await store.claims_number("ann") == 0
        own = await store.mark_claims(["ann"], now=NOW, within=0)
        assert await store.claims_number("ann") == own
        assert await store.claims_number("bob") == 0
        of_all = await store.mark_claims([EVERYBODY], now=NOW, within=60)
        assert await store.claims_number("ann") == await store.claims_number("bob") == of_all
        later = await store.mark_claims(["ann"], now=NOW, within=0)
        assert await store.claims_number("ann") == later

    async def test_marks_are_listed_behind_one_page_by_page(self, store: Store) -> None:
        several = await store.mark_claims(["ann", "bob", "eve"], now=NOW, within=0)
        alone = await store.mark_claims(["ann"], now=NOW, within=60)
        first = await store.claims_marks(above=FIRST, limit=2)
        rest = await store.claims_marks(above=first[-1], limit=9)
        assert sorted([*first, *rest]) == [
            *(ClaimsMark(several, name, 0) for name in ("ann", "bob", "eve")),
            ClaimsMark(alone, "ann", 60),
        ]
        assert len(first) == 2
        assert list(await store.claims_marks(above=rest[-1], limit=9)) == []

    async def test_a_new_mark_takes_the_place_of_one_with_the_same_spread(self, store: Store) -> None:
        await store.mark_claims(["ann"], now=NOW, within=0)
        spread = await store.mark_claims(["ann"], now=NOW, within=60)
        again = await store.mark_claims(["ann"], now=NOW, within=0)
        found = await store.claims_marks(above=FIRST, limit=9)
        assert list(found) == [ClaimsMark(spread, "ann", 60), ClaimsMark(again, "ann", 0)]

    async def test_many_accounts_are_marked_in_one_step(self, store: Store) -> None:
        names = [f"account {number}" for number in range(2_500)]
        number = await store.mark_claims(names, now=NOW, within=0)
        assert {mark.account_id for mark in await store.claims_marks(above=FIRST, limit=9_999)} == set(names)
        assert await store.claims_number(names[-1]) == number

    async def test_marks_of_one_account_at_once_leave_the_highest(self, store: Store) -> None:
        marked = await asyncio.gather(*(store.mark_claims(["ann"], now=NOW, within=0) for _ in range(5)))
        assert await store.claims_number("ann") == max(marked)

    async def test_old_marks_are_pruned_and_count(self, store: Store) -> None:
        for name in ("ann", "bob", "eve"):
            await store.mark_claims([name], now=NOW, within=0)
        recent = await store.mark_claims(["recent"], now=NOW + 10, within=0)
        pruned = [await store.prune_claims_marks(below=first_number(NOW + 10), limit=2) for _ in range(3)]
        assert pruned == [2, 1, 0]
        assert list(await store.claims_marks(above=FIRST, limit=9)) == [ClaimsMark(recent, "recent", 0)]
