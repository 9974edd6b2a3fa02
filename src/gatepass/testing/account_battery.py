"""The contract of AccountStore: each test says one sentence of it."""

import asyncio
from dataclasses import replace

from gatepass.core.policy import DAY
from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, session_of, signed_in

HASHES = {
    "$argon2id$v=19$m=19456,t=2,p=1$": ("c2FsdA$aGFzaA", "cGVwcGVy$c2hhMQ"),
    "$argon2id$v=19$m=19456,t=2,p=1,keyid=abc+/1$": ("c2FsdA$aGFzaA",),
    "$argon2id$v=19$m=19456,t=3,p=1$": ("c2FsdA$aGFzaA",),
    "argon2$argon2id$v=19$m=102400,t=2,p=8$": ("c2FsdA$aGFzaA",),
    "pbkdf2_sha256$600000$": ("salt$aGFzaA==", "tlas$aGFzaA=="),
    "pbkdf2_sha256$720000$": ("salt$aGFzaA==",),
    "pbkdf2:sha256:600000$": ("salt$00ff",),
    "scrypt:32768:8:1$": ("salt$00ff", "tlas$00ff"),
    "scrypt$16384$": ("salt$8$1$aGFzaA==", "tlas$8$1$aGFzaA=="),
    "bcrypt_sha256$$2b$12$": ("abcdef", "fedcba"),
    "bcrypt$$2b$12$": ("abcdef",),
    "$2b$12$": ("abcdef", "fedcba"),
    "$2y$10$": ("abcdef",),
}
"""Algorithm and parameters → what follows them in the hashes of that kind."""


class AccountBattery:
    """Accounts by id and by address, and the sessions that end when an account changes."""

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

    async def test_an_id_belongs_to_one_account(self, store: Store) -> None:
        assert await store.add_account(account_of())
        assert not await store.add_account(account_of(email_key="other@example.com"))
        assert await store.find_account_by_email("other@example.com") is None

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
            assert list(await store.list_for_account(account.id, now=NOW)) == []

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
        assert (account.disabled_at, account.credential_version) == (NOW + 1, 2)
        changes = store.change_password(account.id, password_hash="x", credential_version=1, now=NOW, keep=None)
        assert await changes is None, "it was prepared before"
        assert list(await store.disable_account(session.account_id, now=NOW + 2) or ()) == []
        assert await store.disable_account("nobody", now=NOW) is None

    async def test_an_account_that_is_enabled_again_can_be_signed_in_to(self, store: Store) -> None:
        session = await signed_in(store)
        await store.disable_account(session.account_id, now=NOW)
        later = session_of(account_of(), "phone")
        assert not await store.add(later, credential_version=2)
        assert await store.enable_account(session.account_id)
        assert await store.find_account(session.account_id) == replace(account_of(), credential_version=2)
        assert await store.add(later, credential_version=2)
        assert [row.sid for row in await store.list_for_account(session.account_id, now=NOW)] == [later.sid]
        assert not await store.enable_account("nobody")

    async def test_a_deleted_account_is_gone_and_its_address_free(self, store: Store) -> None:
        session = await signed_in(store)
        await signed_in(store, "bob")
        ended = await store.delete_account(session.account_id, now=NOW + 1)
        assert ended is not None
        assert list(ended) == [session.sid]
        assert await store.find_account(session.account_id) is None
        assert await store.find_account_by_email("ann@example.com") is None
        assert [account.email for account in await store.list_accounts(after="", limit=9)] == ["bob@example.com"]
        assert await store.delete_account(session.account_id, now=NOW + 2) is None
        assert not await store.add(session_of(account_of(), "phone"), credential_version=1)
        for verb in (
            store.disable_account(session.account_id, now=NOW),
            store.change_password(session.account_id, password_hash="x", credential_version=1, now=NOW, keep=None),
        ):
            assert await verb is None
        assert not await store.enable_account(session.account_id)
        assert not await store.verify_account(session.account_id, now=NOW)
        assert await store.add_account(account_of("eve", email="ann@example.com", email_key="ann@example.com"))

    async def test_an_account_of_another_version_than_the_one_named_is_not_deleted(self, store: Store) -> None:
        session = await signed_in(store)
        assert await store.delete_account(session.account_id, now=NOW, credential_version=2) is None
        assert await store.find_account(session.account_id) == account_of()
        assert await store.find(session.sid) == session
        ended = await store.delete_account(session.account_id, now=NOW, credential_version=1)
        assert list(ended or ()) == [session.sid]

    async def test_the_sessions_of_a_deleted_account_are_listed_as_revoked(self, store: Store) -> None:
        session = await signed_in(store)
        await store.delete_account(session.account_id, now=NOW + 1)
        assert [tuple(each) for each in await store.revoked_since(NOW)] == [(session.sid, NOW + 1)]
        row = await store.find(session.sid)
        assert row is not None
        assert (row.revoked_at, row.revoke_reason) == (NOW + 1, "revoked")
        assert await store.prune(before=NOW + DAY, limit=9) == 1
        assert await store.find(session.sid) is None
        assert await store.add_account(account_of()), "nothing is left of it, not even its id"

    async def test_an_account_without_sessions_is_deleted_whole(self, store: Store) -> None:
        await store.add_account(account_of())
        assert list(await store.delete_account(account_of().id, now=NOW) or ()) == []
        assert await store.add_account(account_of())

    async def test_a_new_address_raises_the_version_and_keeps_the_sessions(self, store: Store) -> None:
        session = await signed_in(store)
        new = {"email": "Ann@new.example", "email_key": "ann@new.example"}
        assert await store.change_email(session.account_id, **new, credential_version=1, verified_at=NOW + 5)
        expected = replace(account_of(), **new, credential_version=2, verified_at=NOW + 5)  # type: ignore[arg-type]
        assert await store.find_account_by_email("ann@new.example") == expected
        assert await store.find_account(session.account_id) == expected
        assert await store.find_account_by_email("ann@example.com") is None
        assert await store.find(session.sid) == session
        assert await store.add_account(account_of("eve", email_key="ann@example.com")), "the old address is free"

    async def test_a_new_address_must_be_free_and_the_version_the_one_that_was_read(self, store: Store) -> None:
        for name in ("ann", "bob"):
            await store.add_account(account_of(name))
        ann, taken = account_of().id, {"email": "bob@example.com", "email_key": "bob@example.com"}
        assert await store.change_email(ann, **taken, credential_version=1, verified_at=NOW) is False
        free = {"email": "ann@new.example", "email_key": "ann@new.example"}
        assert await store.change_email(ann, **free, credential_version=2, verified_at=NOW) is None
        assert await store.change_email("nobody", **free, credential_version=1, verified_at=NOW) is None
        assert await store.find_account(ann) == account_of()
        spelling = {"email": "ANN@example.com", "email_key": "ann@example.com"}
        assert await store.change_email(ann, **spelling, credential_version=1, verified_at=NOW), (
            "its own address in another spelling"
        )

    async def test_of_several_changes_to_one_new_address_at_once_one_wins(self, store: Store) -> None:
        accounts = [account_of(f"{number}") for number in range(8)]
        for account in accounts:
            await store.add_account(account)
        new = {"email": "x@new.example", "email_key": "x@new.example"}
        changed = await asyncio.gather(
            *(store.change_email(account.id, **new, credential_version=1, verified_at=NOW) for account in accounts)
        )
        assert sorted(map(bool, changed)) == [False] * 7 + [True]

    async def test_of_each_kind_of_password_hash_one_is_found(self, store: Store) -> None:
        kinds = {kind: [f"{kind}{rest}" for rest in rests] for kind, rests in HASHES.items()}
        for number, stored in enumerate(each for hashes in kinds.values() for each in hashes):
            await store.add_account(account_of(f"{number}", password_hash=stored))
        found = await store.sample_password_hashes()
        assert len(found) == len(kinds)
        for hashes in kinds.values():
            assert not set(hashes).isdisjoint(found)

    async def test_what_is_no_hash_is_of_no_kind_and_a_kind_ends_with_its_last_hash(self, store: Store) -> None:
        for number, stored in enumerate(("", "!", "external 00ff", "$2b$12$abcdef")):
            await store.add_account(account_of(f"{number}", password_hash=stored))
        assert list(await store.sample_password_hashes()) == ["$2b$12$abcdef"]
        await store.rehash_password(account_of("3").id, password_hash="$argon2id$m=1$c2Fs$aGFz", credential_version=1)
        assert list(await store.sample_password_hashes()) == ["$argon2id$m=1$c2Fs$aGFz"]

    async def test_a_verified_address_has_its_time(self, store: Store) -> None:
        await store.add_account(account_of())
        assert await store.verify_account(account_of().id, now=NOW + 3)
        assert await store.find_account(account_of().id) == replace(account_of(), verified_at=NOW + 3)
        assert not await store.verify_account("nobody", now=NOW)

    async def test_accounts_are_listed_in_pages(self, store: Store) -> None:
        accounts = sorted((account_of(f"{number}") for number in range(5)), key=lambda account: account.id)
        for account in reversed(accounts):
            await store.add_account(account)
        assert list(await store.list_accounts(after="", limit=3)) == accounts[:3]
        assert list(await store.list_accounts(after=accounts[2].id, limit=3)) == accounts[3:]
        assert list(await store.list_accounts(after=accounts[4].id, limit=3)) == []
