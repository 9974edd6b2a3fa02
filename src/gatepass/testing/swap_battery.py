"""The contract of SessionStore for refreshes, with a device or without: each test says one sentence of it."""

import asyncio
from dataclasses import replace

from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from gatepass.ports import Store
from gatepass.testing.records import NOW, digest, signed_in, swap_of, swapped


class SwapBattery:
    """Of several swaps from one version one succeeds, and a device that was recorded must be shown."""

    async def test_a_swap_moves_the_row_and_returns_it(self, store: Store) -> None:
        session = await signed_in(store)
        swap = swap_of(session, generation=7, binding=digest("binding"))
        row = await store.swap(swap)
        assert row is not None
        assert row == replace(
            session,
            generation=7,
            fingerprint=swap.fingerprint,
            binding=swap.binding,
            previous=session.fingerprint,
            committed_at=swap.now,
            last_ip_prefix=swap.ip_prefix,
        )
        assert await store.find(session.sid) == row

    async def test_a_swap_from_another_version_changes_nothing(self, store: Store) -> None:
        session = await signed_in(store)
        wrong = swap_of(session, expected_fingerprint=digest("other"))
        early = swap_of(session, expected_generation=0)
        bound = swap_of(session, expected_binding=digest("binding"))
        assert [await store.swap(swap) for swap in (wrong, early, bound)] == [None, None, None]
        assert await store.find(session.sid) == session

    async def test_a_bound_session_is_swapped_under_its_own_binding_only(self, store: Store) -> None:
        session = await signed_in(store)
        bound = await swapped(store, session, binding=digest("binding"), previous=NO_FINGERPRINT)
        assert await store.swap(swap_of(bound, expected_binding=NO_BINDING)) is None
        assert await store.swap(swap_of(bound, expected_binding=digest("other"))) is None
        assert await store.find(session.sid) == bound
        after = await swapped(store, bound, previous=NO_FINGERPRINT)
        assert (after.binding, after.previous) == (digest("binding"), NO_FINGERPRINT)

    async def test_a_swap_is_won_once(self, store: Store) -> None:
        session = await signed_in(store)
        swap = swap_of(session)
        assert await store.swap(swap) is not None
        assert await store.swap(swap) is None

    async def test_of_fifty_swaps_from_one_version_one_wins(self, store: Store) -> None:
        session = await signed_in(store)
        rows = await asyncio.gather(*(store.swap(swap_of(session, branch=f"{n}")) for n in range(50)))
        winners = [row for row in rows if row is not None]
        assert len(winners) == 1
        assert await store.find(session.sid) == winners[0]

    async def test_a_device_is_recorded_once(self, store: Store) -> None:
        session = await signed_in(store)
        key, other = b"\x01" * 34, b"\x02" * 271
        assert await store.set_device(session.sid, key=key, since=None, now=NOW)
        assert await store.find(session.sid) == replace(session, device_key=key)
        assert not await store.set_device(session.sid, key=other, since=None, now=NOW)
        assert await store.set_device(session.sid, key=key, since=NOW + 1, now=NOW + 1)
        assert await store.set_device(session.sid, key=key, since=NOW + 2, now=NOW + 2)
        assert not await store.set_device(session.sid, key=other, since=NOW + 3, now=NOW + 3)
        assert await store.find(session.sid) == replace(session, device_key=key, device_since=NOW + 1)

    async def test_of_many_devices_at_once_one_is_recorded(self, store: Store) -> None:
        session = await signed_in(store)
        keys = [bytes([number]) * 34 for number in range(1, 21)]
        done = await asyncio.gather(*(store.set_device(session.sid, key=key, since=None, now=NOW) for key in keys))
        row = await store.find(session.sid)
        assert row is not None
        assert [key for key, is_done in zip(keys, done, strict=True) if is_done] == [row.device_key]

    async def test_no_device_is_recorded_for_a_session_that_is_over(self, store: Store) -> None:
        session = await signed_in(store)
        assert not await store.set_device(session.sid, key=b"key", since=NOW, now=session.expires_at)
        await store.revoke(session.sid, reason="revoked", now=NOW)
        assert not await store.set_device(session.sid, key=b"key", since=NOW, now=NOW)
        assert not await store.set_device(digest("nobody"), key=b"key", since=NOW, now=NOW)
        row = await store.find(session.sid)
        assert row is not None
        assert (row.device_key, row.device_since) == (b"", None)

    async def test_a_session_with_a_device_is_swapped_only_where_the_device_was_shown(self, store: Store) -> None:
        session = await signed_in(store)
        await store.set_device(session.sid, key=b"key", since=None, now=NOW)
        row = await swapped(store, session)
        assert row.device_key == b"key", "a device that has proven nothing yet is not asked for"
        await store.set_device(session.sid, key=b"key", since=NOW, now=NOW)
        assert await store.swap(swap_of(row)) is None
        after = await store.swap(swap_of(row, shown_device=True))
        assert after is not None
        assert (after.device_key, after.device_since) == (b"key", NOW)
        ended = await store.revoke(session.sid, reason="revoked", now=NOW + 1)
        assert ended is not None
        assert (ended.device_key, ended.device_since) == (b"key", NOW)

    async def test_an_expired_session_is_not_swapped(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.swap(swap_of(session, now=session.expires_at)) is None
        assert await store.swap(swap_of(session, now=session.expires_at - 1)) is not None
