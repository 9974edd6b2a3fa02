"""The contract of AccountStore, AttemptStore and KeyStore, a sentence per test."""

import asyncio
from dataclasses import replace

from gatepass.core.policy import DAY
from gatepass.core.stored_key import StoredKey
from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, session_of, signed_in


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

    async def test_a_sign_in_and_a_password_change_at_once_leave_no_session(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        for version, device in enumerate(("change first", "add first"), start=1):
            session = session_of(account, device)
            add = store.add(session, credential_version=version)
            change = store.change_password(
                account.id, password_hash="new", credential_version=version, now=NOW, keep=None
            )
            await asyncio.gather(*((add, change) if device == "add first" else (change, add)))
            assert list(await store.of_account(account.id, now=NOW)) == []

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
        assert not await store.rehash_password("nobody", password_hash="x", credential_version=1)
        assert await store.find_account(session.account_id) == account
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


class KeyBattery:
    """Signing keys, as they were put."""

    async def test_a_signing_key_is_found_as_it_was_put_and_replaced_by_kid(self, store: Store) -> None:
        first = StoredKey("first", "EdDSA", bytes(range(61)), NOW, NOW + 600)
        other = StoredKey("other", "ES256", bytes(61), NOW, NOW, NOW + 1, is_removed=True)
        assert list(await store.signing_keys()) == []
        for key in (first, other):
            await store.put_signing_key(key)
        assert {key.kid: key for key in await store.signing_keys()} == {"first": first, "other": other}
        retired = replace(first, sealed=b"\xff" * 61, retired_at=NOW + 900)
        await store.put_signing_key(retired)
        assert {key.kid: key for key in await store.signing_keys()} == {"first": retired, "other": other}
