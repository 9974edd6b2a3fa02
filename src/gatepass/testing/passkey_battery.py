"""The contract of FactorStore for passkeys: whose they are, the count of their uses, and the last way in."""

import asyncio
from dataclasses import replace

from gatepass.core.account import NO_PASSWORD, Account
from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, identity_of, passkey_of, session_of

LIMIT = 5


async def version_of(store: Store, account: Account) -> int:
    """Return the credential version of an account as it is now."""
    found = await store.find_account(account.id)
    assert found is not None
    return found.credential_version


class PasskeyBattery:
    """A passkey changes in one step with the version of its account, and no count of uses goes back."""

    async def test_a_passkey_is_found_by_its_credential_and_listed_with_its_account(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        phone, key = passkey_of(ann), passkey_of(ann, "key", created_at=NOW + 1, transports=(), sign_count=4)
        assert await store.add_passkey(key, credential_version=1, limit=LIMIT)
        assert await store.add_passkey(phone, credential_version=2, limit=LIMIT)
        assert list(await store.list_passkeys(ann.id)) == [phone, key]
        assert await store.find_passkey(key.credential_id) == key
        assert await store.find_passkey(b"unknown") is None
        assert (await store.factors(ann.id)).passkeys == 2
        assert list(await store.list_passkeys("nobody")) == []

    async def test_a_passkey_is_only_added_to_the_account_that_was_read_and_raises_its_version(
        self, store: Store
    ) -> None:
        ann = account_of()
        await store.add_account(ann)
        session = session_of(ann)
        await store.add(session, credential_version=1)
        assert not await store.add_passkey(passkey_of(ann), credential_version=2, limit=LIMIT)
        assert await store.add_passkey(passkey_of(ann), credential_version=1, limit=LIMIT)
        assert await version_of(store, ann) == 2
        assert not await store.add(session_of(ann, "other"), credential_version=1), "a sign-in that was under way"
        assert await store.find(session.sid) == session, "its sessions stay"
        await store.disable_account(ann.id, now=NOW)
        assert not await store.add_passkey(passkey_of(ann, "key"), credential_version=3, limit=LIMIT)
        assert not await store.add_passkey(passkey_of(account_of("nobody")), credential_version=1, limit=LIMIT)
        assert len(await store.list_passkeys(ann.id)) == 1

    async def test_a_credential_belongs_to_one_account_and_an_account_has_at_most_so_many(self, store: Store) -> None:
        ann, eve = account_of(), account_of("eve")
        for account in (ann, eve):
            await store.add_account(account)
        mine = passkey_of(ann)
        assert await store.add_passkey(mine, credential_version=1, limit=1)
        taken = passkey_of(eve, credential_id=mine.credential_id)
        assert not await store.add_passkey(taken, credential_version=1, limit=LIMIT)
        assert not await store.add_passkey(passkey_of(eve, id=mine.id), credential_version=1, limit=LIMIT)
        assert await version_of(store, eve) == 1, "what was refused changes nothing"
        assert not await store.add_passkey(passkey_of(ann, "key"), credential_version=2, limit=1)
        assert list(await store.list_passkeys(ann.id)) == [mine]

    async def test_of_many_that_add_a_passkey_from_one_version_one_wins(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        added = await asyncio.gather(
            *(store.add_passkey(passkey_of(ann, f"{n}"), credential_version=1, limit=LIMIT) for n in range(6))
        )
        assert sum(added) == 1
        assert len(await store.list_passkeys(ann.id)) == 1

    async def test_a_passkey_is_renamed_by_its_owner_only(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        mine = passkey_of(ann)
        await store.add_passkey(mine, credential_version=1, limit=LIMIT)
        assert not await store.rename_passkey(mine.id, account_id=account_of("eve").id, name="hers")
        assert await store.rename_passkey(mine.id, account_id=ann.id, name="mine")
        assert await store.find_passkey(mine.credential_id) == replace(mine, name="mine")
        assert await version_of(store, ann) == 2

    async def test_a_count_that_does_not_rise_is_a_copy_and_no_count_at_all_is_none(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        silent, counting = passkey_of(ann), passkey_of(ann, "key", sign_count=4)
        await store.add_passkey(silent, credential_version=1, limit=LIMIT)
        await store.add_passkey(counting, credential_version=2, limit=LIMIT)

        async def use(credential_id: bytes, count: int, *, is_backed_up: bool = False) -> bool:
            return await store.use_passkey(credential_id, sign_count=count, is_backed_up=is_backed_up, now=NOW + count)

        assert await use(silent.credential_id, 0, is_backed_up=True)
        assert await use(silent.credential_id, 0, is_backed_up=True)
        assert await store.find_passkey(silent.credential_id) == replace(silent, is_backed_up=True, last_used_at=NOW)
        for count in (4, 3, 0):
            assert not await use(counting.credential_id, count)
        assert await store.find_passkey(counting.credential_id) == counting, "a copy changes nothing"
        assert await use(counting.credential_id, 9)
        assert await store.find_passkey(counting.credential_id) == replace(counting, sign_count=9, last_used_at=NOW + 9)
        assert not await use(b"unknown", 1)
        assert await version_of(store, ann) == 3

    async def test_of_two_uses_of_one_count_at_once_one_is_a_copy(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        key = passkey_of(ann, sign_count=4)
        await store.add_passkey(key, credential_version=1, limit=LIMIT)
        uses = (store.use_passkey(key.credential_id, sign_count=5, is_backed_up=False, now=NOW) for _ in range(4))
        assert sum(await asyncio.gather(*uses)) == 1

    async def test_a_passkey_is_a_way_in_and_the_last_one_is_kept_where_that_is_asked(self, store: Store) -> None:
        ann = account_of(password_hash=NO_PASSWORD)
        await store.add_account_of(ann, identity_of(ann))
        mine = passkey_of(ann)
        await store.add_passkey(mine, credential_version=1, limit=LIMIT)
        assert await store.remove_identity(identity_of(ann).id, account_id=ann.id, needs_another=True) is True
        assert await store.remove_passkey(mine.id, account_id=account_of("eve").id, needs_another=True) is None
        assert await store.remove_passkey(mine.id, account_id=ann.id, needs_another=True) is False
        assert await version_of(store, ann) == 3, "what was refused changes nothing"
        assert await store.remove_passkey(mine.id, account_id=ann.id, needs_another=False) is True
        assert await store.remove_passkey(mine.id, account_id=ann.id, needs_another=False) is None
        assert await version_of(store, ann) == 4

    async def test_beside_a_password_or_an_identity_the_last_passkey_may_go(self, store: Store) -> None:
        for account, others in ((account_of(), ()), (account_of("bob", password_hash=NO_PASSWORD), ("google",))):
            await store.add_account(account)
            for name in others:
                await store.add_identity(identity_of(account, name), credential_version=1)
            mine = passkey_of(account)
            await store.add_passkey(mine, credential_version=1, limit=LIMIT)
            assert await store.remove_passkey(mine.id, account_id=account.id, needs_another=True) is True

    async def test_of_two_ways_in_that_are_removed_at_once_one_is_left(self, store: Store) -> None:
        ann = account_of(password_hash=NO_PASSWORD)
        await store.add_account_of(ann, identity_of(ann))
        await store.add_passkey(passkey_of(ann), credential_version=1, limit=LIMIT)
        removed = await asyncio.gather(
            store.remove_identity(identity_of(ann).id, account_id=ann.id, needs_another=True),
            store.remove_passkey(passkey_of(ann).id, account_id=ann.id, needs_another=True),
        )
        assert sorted(map(bool, removed)) == [False, True]
