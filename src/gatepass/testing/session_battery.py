"""The contract of SessionStore: each test says one sentence of it."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from gatepass.core.policy import DAY
from gatepass.core.session import Session
from gatepass.ports import Revocation, Store
from gatepass.testing.records import (
    NOW,
    account_of,
    digest,
    session_of,
    signed_in,
    swap_of,
    swapped,
)
from gatepass.testing.swap_battery import SwapBattery


def sids(sessions: Iterable[Session]) -> list[bytes]:
    """Return the ids of sessions, in their order."""
    return [session.sid for session in sessions]


class SessionBattery(SwapBattery):
    """One row for each session; only one of several swaps succeeds; a revocation is final."""

    async def test_a_session_is_found_as_it_was_added(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.find(session.sid) == session

    async def test_an_unknown_session_is_none_and_no_error(self, store: Store) -> None:
        assert await store.find(digest("nobody")) is None
        assert await store.swap(swap_of(session_of(account_of()))) is None
        assert await store.revoke(digest("nobody"), reason="revoked", now=NOW) is None

    async def test_no_session_without_an_account(self, store: Store) -> None:
        assert not await store.add(session_of(account_of()), credential_version=1)

    async def test_a_sign_in_does_not_outlive_a_password_change_that_raced_it(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        await store.change_password(account.id, password_hash="new", credential_version=1, now=NOW, keep=None)
        session = session_of(account)
        assert not await store.add(session, credential_version=1)
        assert await store.find(session.sid) is None
        assert await store.add(session, credential_version=2)

    async def test_a_disabled_account_gets_no_session(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        await store.disable_account(account.id, now=NOW)
        assert not await store.add(session_of(account), credential_version=1)

    async def test_sign_ins_and_the_end_of_their_account_at_once_leave_no_session(self, store: Store) -> None:
        for name, end in (("disabled", store.disable_account), ("deleted", store.delete_account)):
            account = account_of(name)
            await store.add_account(account)
            sessions = [session_of(account, f"{name} {number}") for number in range(20)]
            adds = [store.add(session, credential_version=1) for session in sessions]
            before, _, after = await asyncio.gather(
                asyncio.gather(*adds[:10]), end(account.id, now=NOW), asyncio.gather(*adds[10:])
            )
            assert list(await store.list_for_account(account.id, now=NOW)) == []
            listed = {sid for sid, _ in await store.revoked_since(NOW)}
            added = zip(sessions, (*before, *after), strict=True)
            assert all(session.sid in listed for session, is_added in added if is_added), (
                "else guards would accept their tokens"
            )

    async def test_the_methods_of_a_sign_in_are_kept_in_their_order(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        for methods in (("pwd",), ("otp", "pwd", "mfa"), ()):
            session = session_of(account, repr(methods), methods=methods)
            await store.add(session, credential_version=1)
            assert (await swapped(store, session)).methods == methods

    async def test_the_assurance_of_a_sign_in_is_kept_with_a_device_and_without(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        for acr in ("", "0", "urn:example:gold", "https://example.com/mfa?a=b"):
            facts = {"acr": acr, "methods": ("fed", "mfa"), "authenticated_at": NOW - 3600}
            session = session_of(account, repr(acr), **facts)
            await store.add(session, credential_version=1)
            assert await store.find(session.sid) == session
            assert (await swapped(store, session)).acr == acr
            assert await store.set_device(session.sid, key=b"key", since=None, now=NOW)
            ended = await store.revoke(session.sid, reason="revoked", now=NOW)
            assert ended is not None
            assert (ended.acr, ended.methods, ended.device_key) == (acr, ("fed", "mfa"), b"key")
            assert (ended.authenticated_at, ended.created_at) == (NOW - 3600, NOW)

    async def test_a_revoked_session_is_never_swapped_back(self, store: Store) -> None:
        session = await signed_in(store)
        ended = await store.revoke(session.sid, reason="revoked", now=NOW + 1)
        assert ended is not None
        assert await store.swap(swap_of(session)) is None
        assert await store.find(session.sid) == ended

    async def test_a_revocation_behind_a_swap_ends_the_swapped_row(self, store: Store) -> None:
        session = await signed_in(store)
        row = await swapped(store, session)
        ended = await store.revoke(session.sid, reason="revoked", now=NOW + 1)
        assert ended == replace(row, revoked_at=NOW + 1, revoke_reason="revoked")

    async def test_revoke_and_swap_at_once_leave_a_revoked_session(self, store: Store) -> None:
        for device in ("swap first", "revoke first"):
            session = await signed_in(store, device=device)
            swap, revoke = store.swap(swap_of(session)), store.revoke(session.sid, reason="revoked", now=NOW + 1)
            await asyncio.gather(*((swap, revoke) if device == "swap first" else (revoke, swap)))
            row = await store.find(session.sid)
            assert row is not None
            assert row.revoked_at == NOW + 1

    async def test_of_many_revocations_at_once_one_ended_it(self, store: Store) -> None:
        session = await signed_in(store)
        rows = await asyncio.gather(
            *(store.revoke(session.sid, reason="revoked", now=NOW + number) for number in range(20))
        )
        assert sum(row is not None for row in rows) == 1

    async def test_only_the_first_revocation_counts(self, store: Store) -> None:
        session = await signed_in(store)
        first = await store.revoke(session.sid, reason="reused", now=NOW + 1)
        assert first is not None
        assert (first.revoked_at, first.revoke_reason) == (NOW + 1, "reused")
        assert await store.revoke(session.sid, reason="revoked", now=NOW + 2) is None
        assert await store.find(session.sid) == first

    async def test_revoke_all_spares_the_kept_one_and_other_accounts(self, store: Store) -> None:
        laptop = await signed_in(store)
        phone = await signed_in(store, device="phone")
        foreign = await signed_in(store, name="bob")
        ended = await store.revoke_all(laptop.account_id, reason="revoked", now=NOW, keep=laptop.sid)
        assert list(ended) == [phone.sid]
        assert await store.find(laptop.sid) == laptop
        assert await store.find(foreign.sid) == foreign
        assert list(await store.revoke_all(laptop.account_id, reason="revoked", now=NOW)) == [laptop.sid]

    async def test_an_account_s_live_sessions_are_listed_newest_first(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        old = session_of(account, "old", created_at=NOW - 10)
        new = session_of(account, "new")
        over = session_of(account, "over", expires_at=NOW)
        gone = session_of(account, "gone")
        for session in (old, new, over, gone):
            await store.add(session, credential_version=1)
        await store.revoke(gone.sid, reason="revoked", now=NOW)
        assert sids(await store.list_for_account(account.id, now=NOW)) == sids((new, old))
        assert sids(await store.list_for_account("nobody", now=NOW)) == []

    async def test_revocations_are_listed_from_a_moment_on_oldest_first(self, store: Store) -> None:
        sessions = [await signed_in(store, device=name) for name in ("a", "b", "c")]
        for at, session in enumerate(sessions):
            await store.revoke(session.sid, reason="revoked", now=NOW + at)
        listed = await store.revoked_since(NOW + 1)
        assert list(listed) == [Revocation(sessions[1].sid, NOW + 1), Revocation(sessions[2].sid, NOW + 2)]

    async def test_pruning_forgets_what_ended_before_and_nothing_else(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        live = session_of(account, "live")
        expired = session_of(account, "expired", expires_at=NOW - DAY - 1)
        recent = session_of(account, "recent", expires_at=NOW - DAY)
        revoked = session_of(account, "revoked")
        for session in (live, expired, recent, revoked):
            await store.add(session, credential_version=1)
        await store.revoke(revoked.sid, reason="revoked", now=NOW - DAY - 1)
        assert await store.prune(before=NOW - DAY, limit=10) == 2
        found = [await store.find(session.sid) for session in (live, expired, recent, revoked)]
        assert [row is not None for row in found] == [True, False, True, False]

    async def test_pruning_stops_at_its_limit(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        for number in range(7):
            await store.add(session_of(account, f"{number}", expires_at=NOW), credential_version=1)
        counts = [await store.prune(before=NOW + 1, limit=3) for _ in range(4)]
        assert counts == [3, 3, 1, 0]

    async def test_what_is_both_expired_and_revoked_counts_once(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        for number in range(6):
            session = session_of(account, f"{number}", expires_at=NOW if number < 3 else NOW + DAY)
            await store.add(session, credential_version=1)
            await store.revoke(session.sid, reason="revoked", now=NOW)
        assert [await store.prune(before=NOW + 1, limit=4) for _ in range(3)] == [4, 2, 0]

    async def test_a_revocation_stays_listed_until_it_is_pruned(self, store: Store) -> None:
        session = await signed_in(store)
        await store.revoke(session.sid, reason="revoked", now=NOW)
        assert await store.prune(before=NOW, limit=10) == 0
        assert list(await store.revoked_since(NOW)) == [Revocation(session.sid, NOW)]
        assert await store.prune(before=NOW + 1, limit=10) == 1
        assert list(await store.revoked_since(NOW)) == []

    async def test_a_row_holds_any_bytes_and_any_text(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        odd = session_of(
            account,
            sid=bytes(16),
            fingerprint=b"\xff" * 16,
            binding=b"\x00\xff'\";--\n\r\x80\xc3\x28 "[:16].ljust(16, b"\x00"),
            previous=b"\x00" * 15 + b"\n",
            methods=("pwd", "otp", "\u00fc\U0001f511"),
            client="\u00fc\U0001f511 '\";--",
            remember=False,
        )
        assert await store.add(odd, credential_version=1)
        assert await store.find(odd.sid) == odd
        row = await swapped(store, odd, fingerprint=bytes(16))
        assert row.previous == odd.fingerprint
        assert await store.find(odd.sid) == row

    async def test_a_store_that_is_well_answers_a_ping(self, store: Store) -> None:
        await store.ping()
