"""The contract of AttemptStore: each test says one sentence of it."""

import asyncio

from gatepass.core.policy import DAY
from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of


class AttemptBattery:
    """Counts of failed sign-ins, for each key."""

    async def test_failures_are_counted_for_each_key(self, store: Store) -> None:
        for at in range(3):
            await store.count_failure(["a", "b"], now=NOW + at, forget_before=0)
        await store.count_failure(["b"], now=NOW + 9, forget_before=0)
        assert [tuple(count) for count in await store.attempts(["b", "c", "a"])] == [
            (4, NOW + 9),
            (0, 0),
            (3, NOW + 2),
        ]

    async def test_an_old_count_starts_again_at_one(self, store: Store) -> None:
        await store.count_failure(["a"], now=NOW, forget_before=0)
        await store.count_failure(["a"], now=NOW + DAY, forget_before=NOW + 1)
        assert [tuple(count) for count in await store.attempts(["a"])] == [(1, NOW + DAY)]

    async def test_a_success_clears_its_key_alone(self, store: Store) -> None:
        await store.count_failure(["a", "b"], now=NOW, forget_before=0)
        await store.clear_attempts("a")
        assert [count.failures for count in await store.attempts(["a", "b"])] == [0, 1]

    async def test_failures_at_once_are_all_counted(self, store: Store) -> None:
        await asyncio.gather(*(store.count_failure(["a"], now=NOW, forget_before=0) for _ in range(30)))
        assert [count.failures for count in await store.attempts(["a"])] == [30]

    async def test_a_failure_that_is_taken_back_was_none(self, store: Store) -> None:
        for _ in range(2):
            await store.count_failure(["a"], now=NOW, forget_before=0)
        counts = []
        for _ in range(3):
            await store.take_back_failure("a")
            counts += [tuple(count) for count in await store.attempts(["a"])]
        assert counts == [(1, NOW), (0, 0), (0, 0)]

    async def test_old_counts_are_pruned_in_batches_and_lasting_ones_when_told(self, store: Store) -> None:
        for number in range(4):
            await store.count_failure([f"a{number}", f"ever:a{number}"], now=NOW + number, forget_before=0)
        assert await store.prune_attempts(before=NOW + 3, keep="ever:", limit=2) == 2
        assert await store.prune_attempts(before=NOW + 3, keep="ever:", limit=2) == 1
        assert await store.prune_attempts(before=NOW + 3, keep="ever:", limit=2) == 0
        kept = [f"a{number}" for number in range(4)] + [f"ever:a{number}" for number in range(4)]
        assert [count.failures for count in await store.attempts(kept)] == [0, 0, 0, 1, 1, 1, 1, 1]
        assert await store.prune_attempts(before=NOW + 9, keep="", limit=9) == 5

    async def test_the_lasting_count_is_the_accounts_or_without_an_account_the_keys(self, store: Store) -> None:
        await store.add_account(account_of())
        for email, key in (("ann@example.com", "ann"), ("nobody@example.com", "nobody")):
            for at in range(3):
                await store.count_lasting_failure(email, key=key, now=NOW + at, forget_before=0)
            assert tuple(await store.lasting_failures(email, key=key)) == (3, NOW + 2)
        assert [count.failures for count in await store.attempts(["ann", "nobody"])] == [0, 3]
        assert (await store.lasting_failures("ann@example.com", key="nobody")).failures == 3
        assert (await store.lasting_failures("bob@example.com", key="ann")).failures == 0

    async def test_an_old_lasting_count_starts_again_and_a_cleared_one_is_none(self, store: Store) -> None:
        await store.add_account(account_of())
        for email in ("ann@example.com", "nobody@example.com"):
            await store.count_lasting_failure(email, key=email, now=NOW, forget_before=0)
            await store.count_lasting_failure(email, key=email, now=NOW + DAY, forget_before=NOW + 1)
            assert tuple(await store.lasting_failures(email, key=email)) == (1, NOW + DAY)
            await store.clear_lasting_failures(email, key=email)
            assert tuple(await store.lasting_failures(email, key=email)) == (0, 0)

    async def test_lasting_failures_at_once_are_all_counted_and_end_with_the_account(self, store: Store) -> None:
        await store.add_account(account_of())
        for email in ("ann@example.com", "nobody@example.com"):
            await asyncio.gather(
                *(store.count_lasting_failure(email, key=email, now=NOW, forget_before=0) for _ in range(30))
            )
            assert (await store.lasting_failures(email, key=email)).failures == 30
        await store.delete_account(account_of().id, now=NOW)
        await store.add_account(account_of("again", email_key="ann@example.com"))
        assert (await store.lasting_failures("ann@example.com", key="ann@example.com")).failures == 0
