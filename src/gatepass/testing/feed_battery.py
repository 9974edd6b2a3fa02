"""The contract of what guards hear of: ends without a row, the epoch, and the doorbell of other processes."""

import asyncio

from gatepass.core.policy import DAY
from gatepass.ports import CLAIMS_CHANGED, Revocation, Store, Subscription
from gatepass.testing import records
from gatepass.testing.records import NOW, account_of, digest, session_of, signed_in


class FeedBattery:
    """What ended is listed, whether or not it has a row; the epoch is kept."""

    async def test_the_end_of_a_session_without_a_row_is_listed_as_any_other(self, store: Store) -> None:
        lost = digest("lost")
        await store.bury(lost, now=NOW)
        assert list(await store.revoked_since(NOW)) == [Revocation(lost, NOW)]
        assert list(await store.revoked_since(NOW + 1)) == []
        await store.bury(lost, now=NOW + 5)
        assert list(await store.revoked_since(NOW + 5)) == [Revocation(lost, NOW + 5)]
        assert await store.find(lost) is None

    async def test_a_session_that_has_a_row_is_not_buried(self, store: Store) -> None:
        session = await signed_in(store)
        await store.bury(session.sid, now=NOW)
        assert list(await store.revoked_since(NOW)) == []
        assert await store.find(session.sid) == session

    async def test_of_named_sessions_those_are_told_that_are_over_whenever_that_was(self, store: Store) -> None:
        live, ended = await signed_in(store), await signed_in(store, device="phone")
        lost = digest("lost")
        await store.revoke(ended.sid, reason="revoked", now=NOW - DAY)
        await store.bury(lost, now=NOW)
        named = [live.sid, ended.sid, digest("nobody"), lost]
        assert {revocation.sid for revocation in await store.revoked_among(named)} == {ended.sid, lost}
        assert list(await store.revoked_among([])) == []

    async def test_an_end_without_a_row_is_pruned_like_the_others_and_counts(self, store: Store) -> None:
        for number in range(3):
            await store.bury(digest(number), now=NOW)
        await store.bury(digest("recent"), now=NOW + 1)
        assert [await store.prune(before=NOW + 1, limit=2) for _ in range(3)] == [2, 1, 0]
        assert list(await store.revoked_since(NOW)) == [Revocation(digest("recent"), NOW + 1)]

    async def test_the_epoch_is_kept_and_never_lowered(self, store: Store) -> None:
        assert await store.epoch() == 0
        assert await store.raise_epoch(NOW) == NOW
        assert await store.raise_epoch(NOW - 1) == NOW
        assert await store.raise_epoch(NOW + 1) == NOW + 1
        assert await store.epoch() == NOW + 1


class SharedBattery:
    """What holds in addition for a store that several processes share.

    Needs a second fixture, `other`: another open store on the data of `store`, as another process would open it.
    """

    async def test_a_subscriber_learns_in_time_what_another_process_revokes(self, store: Store, other: Store) -> None:
        account = account_of()
        await store.add_account(account)
        one, two, three = (session_of(account, name) for name in ("one", "two", "three"))
        for session in (one, two, three):
            await store.add(session, credential_version=1)
        async with store.subscribe() as subscription:
            await other.revoke(one.sid, reason="revoked", now=NOW)
            await _hears(store, subscription, {one.sid})
            await other.revoke_all(account.id, reason="revoked", now=NOW)
            await _hears(store, subscription, {two.sid, three.sid})
            await other.bury(digest("lost"), now=NOW)
            await _hears(store, subscription, {digest("lost")})

    async def test_a_subscriber_is_woken_for_an_epoch_that_another_process_sets(
        self, store: Store, other: Store
    ) -> None:
        async with store.subscribe() as subscription, asyncio.timeout(records.HEARD_TIMEOUT):
            await other.raise_epoch(NOW)
            while await store.epoch() != NOW:
                await subscription.next(2 * records.HEARD_TIMEOUT)

    async def test_a_subscriber_learns_in_time_of_a_mark_that_another_process_sets(
        self, store: Store, other: Store
    ) -> None:
        async with store.subscribe() as subscription, asyncio.timeout(records.HEARD_TIMEOUT):
            number = await other.mark_claims(["ann"], now=NOW, within=0)
            while named := await subscription.next(2 * records.HEARD_TIMEOUT):
                if CLAIMS_CHANGED in named:
                    break
            assert await store.claims_number("ann") == number


async def _hears(store: Store, subscription: Subscription, sids: set[bytes]) -> None:
    """Fail unless `next` names these sessions, or names none, and the store lists them, well before its timeout."""
    missing = set(sids)
    async with asyncio.timeout(records.HEARD_TIMEOUT):
        while missing:
            named = await subscription.next(2 * records.HEARD_TIMEOUT)
            found = await store.revoked_among(named) if named else await store.revoked_since(NOW)
            missing -= {revocation.sid for revocation in found}
