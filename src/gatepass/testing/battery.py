"""The contract of a session store as tests: every store passes them, ours and yours.

    class TestMyStore(SessionBattery, AccountBattery, AttemptBattery):
        @pytest.fixture
        async def store(self):
            store = MyStore(...)
            await store.open()
            yield store
            await store.close()

Needs pytest with pytest-asyncio in auto mode.
"""

import asyncio
from collections.abc import Iterable

from gatepass.core.policy import DAY
from gatepass.core.session import MAX_ANCESTORS, UNKNOWN_KEY, Ancestor, Session
from gatepass.ports import Revocation, Store
from gatepass.testing.records import NOW, account_of, ancestor_of, digest, session_of, swap_of


async def signed_in(store: Store, name: str = "ann", device: str = "laptop") -> Session:
    """An account with one session, in the store."""
    account = account_of(name)
    await store.add_account(account)
    session = session_of(account, device)
    assert await store.add(session, credential_version=1)
    return session


async def swapped(store: Store, session: Session, **facts: object) -> Session:
    """The row after the swap that follows it."""
    row = await store.swap(swap_of(session, **facts))  # type: ignore[arg-type]
    assert row is not None
    return row


def sids(sessions: Iterable[Session]) -> list[bytes]:
    """Which sessions these are."""
    return [session.sid for session in sessions]


class SessionBattery:
    """One row per session; swaps that only one can win; ends that stay."""

    async def test_a_session_is_found_as_it_was_added(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.find(session.sid) == session

    async def test_an_unknown_session_is_a_value_and_no_error(self, store: Store) -> None:
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

    async def test_a_swap_moves_the_row_and_returns_it(self, store: Store) -> None:
        session = await signed_in(store)
        swap = swap_of(session)
        row = await store.swap(swap)
        assert row is not None
        assert (row.generation, row.fingerprint, row.key_hash) == (0, swap.fingerprint, swap.key_hash)
        assert (row.committed_at, row.last_ip_prefix) == (swap.now, swap.ip_prefix)
        assert row.ancestors == (ancestor_of(session),)
        assert await store.find(session.sid) == row

    async def test_a_swap_from_another_version_changes_nothing(self, store: Store) -> None:
        session = await signed_in(store)
        wrong = swap_of(session, expected_fingerprint=digest("other"))
        early = swap_of(session, expected_generation=0)
        assert await store.swap(wrong) is None
        assert await store.swap(early) is None
        assert await store.find(session.sid) == session

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

    async def test_sixteen_ancestors_are_kept_newest_first(self, store: Store) -> None:
        row = await signed_in(store)
        line: list[Ancestor] = []
        for _ in range(MAX_ANCESTORS + 3):
            line.insert(0, ancestor_of(row))
            row = await swapped(store, row)
        assert row.ancestors == tuple(line[:MAX_ANCESTORS])

    async def test_skipped_ancestors_stand_before_the_committed_one(self, store: Store) -> None:
        session = await signed_in(store)
        lost = Ancestor(digest("lost"), UNKNOWN_KEY)
        row = await swapped(store, session, generation=7, skipped=(lost,))
        assert row.generation == 7
        assert row.ancestors == (lost, ancestor_of(session))

    async def test_a_revoked_session_is_never_swapped_back(self, store: Store) -> None:
        session = await signed_in(store)
        ended = await store.revoke(session.sid, reason="revoked", now=NOW + 1)
        assert ended is not None
        assert await store.swap(swap_of(session)) is None
        assert await store.find(session.sid) == ended

    async def test_revoke_and_swap_at_once_leave_a_revoked_session(self, store: Store) -> None:
        session = await signed_in(store)
        await asyncio.gather(store.swap(swap_of(session)), store.revoke(session.sid, reason="revoked", now=NOW + 1))
        row = await store.find(session.sid)
        assert row is not None
        assert row.revoked_at == NOW + 1

    async def test_an_expired_session_is_not_swapped(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.swap(swap_of(session, now=session.expires_at)) is None
        assert await store.swap(swap_of(session, now=session.expires_at - 1)) is not None

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
        assert sids(await store.of_account(account.id, now=NOW)) == sids((new, old))
        assert sids(await store.of_account("nobody", now=NOW)) == []

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

    async def test_a_store_that_is_well_answers_a_ping(self, store: Store) -> None:
        await store.ping()


class AccountBattery:
    """Accounts by id and by address; what a change of password ends."""

    async def test_an_account_is_found_by_id_and_by_address(self, store: Store) -> None:
        account = account_of()
        assert await store.add_account(account)
        assert await store.find_account(account.id) == account
        assert await store.find_account_by_email(account.email_key) == account
        assert await store.find_account("nobody") is None
        assert await store.find_account_by_email("nobody@example.com") is None

    async def test_an_address_belongs_to_one_account(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        assert not await store.add_account(account_of("eve", email_key=account.email_key))
        assert await store.find_account_by_email(account.email_key) == account
        assert await store.find_account(account_of("eve").id) is None

    async def test_of_many_registrations_of_one_address_one_wins(self, store: Store) -> None:
        key = "ann@example.com"
        added = await asyncio.gather(
            *(store.add_account(account_of(f"{number}", email_key=key)) for number in range(20))
        )
        assert sum(added) == 1

    async def test_a_new_password_raises_the_version_and_ends_the_other_sessions(self, store: Store) -> None:
        here = await signed_in(store)
        there = await signed_in(store, device="phone")
        ended = await store.change_password(
            here.account_id, password_hash="new", credential_version=1, now=NOW + 5, keep=here.sid
        )
        assert ended is not None
        assert list(ended) == [there.sid]
        account = await store.find_account(here.account_id)
        assert account is not None
        assert (account.password_hash, account.credential_version) == ("new", 2)
        row = await store.find(there.sid)
        assert row is not None
        assert (row.revoked_at, row.revoke_reason) == (NOW + 5, "revoked")
        assert await store.find(here.sid) == here

    async def test_a_password_change_from_an_old_version_changes_nothing(self, store: Store) -> None:
        session = await signed_in(store)
        before = await store.find_account(session.account_id)
        ended = await store.change_password(
            session.account_id, password_hash="new", credential_version=9, now=NOW, keep=None
        )
        assert ended is None
        assert await store.find_account(session.account_id) == before
        assert await store.find(session.sid) == session

    async def test_of_two_password_changes_at_once_one_wins(self, store: Store) -> None:
        session = await signed_in(store)
        results = await asyncio.gather(
            *(
                store.change_password(session.account_id, password_hash=text, credential_version=1, now=NOW, keep=None)
                for text in ("one", "two")
            )
        )
        assert sum(result is not None for result in results) == 1

    async def test_a_rehash_keeps_version_and_sessions(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.rehash_password(session.account_id, password_hash="more", credential_version=1)
        account = await store.find_account(session.account_id)
        assert account is not None
        assert (account.password_hash, account.credential_version) == ("more", 1)
        assert not await store.rehash_password(session.account_id, password_hash="x", credential_version=2)
        assert await store.find(session.sid) == session

    async def test_disabling_an_account_ends_its_sessions(self, store: Store) -> None:
        session = await signed_in(store)
        assert list(await store.disable_account(session.account_id, now=NOW + 1) or ()) == [session.sid]
        account = await store.find_account(session.account_id)
        assert account is not None
        assert account.disabled_at == NOW + 1
        assert list(await store.disable_account(session.account_id, now=NOW + 2) or ()) == []
        assert await store.disable_account("nobody", now=NOW) is None


class AttemptBattery:
    """Counts of failed sign-ins."""

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
