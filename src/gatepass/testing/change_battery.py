"""The part of the battery about the journal of accounts: an entry for each change, and to whom it is handed out."""

import asyncio

from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, identity_of, registration_of, session_of

SOON, LATER = NOW + 60, NOW + 3600


class ChangeBattery:
    """Entries of the journal: written with the account, and taken by the hooks of an application."""

    async def test_each_change_of_an_account_has_an_entry_in_order(self, store: Store) -> None:
        account = account_of()
        assert await store.add_account(account)
        assert await store.change_email(
            account.id, email="new@example.com", email_key="new@example.com", credential_version=1, verified_at=NOW
        )
        assert await store.delete_account(account.id, now=NOW) is not None
        kinds = []
        while (change := await store.take_change(account.id, now=NOW, until=SOON)) is not None:
            assert (change.account_id, change.tries, change.extra) == (account.id, 1, "")
            kinds.append(change.kind)
            await store.end_change(change)
        assert kinds == ["register", "change_email", "delete"]

    async def test_an_account_that_is_made_with_an_identity_has_an_entry_too(self, store: Store) -> None:
        account = account_of()
        assert await store.add_account_of(account, identity_of(account))
        assert not await store.add_account_of(account_of("eve"), identity_of(account)), "the identity is taken"
        taken = await store.take_changes(now=LATER, until=LATER + 60, noticed_before=LATER, limit=9)
        assert [(each.account_id, each.kind) for each in taken] == [(account.id, "register")]
        await store.end_change(taken[0])
        assert await store.remove_identity(identity_of(account).id, account_id=account.id, needs_another=False)
        assert await store.take_change(account.id, now=LATER, until=LATER + 60) is None

    async def test_what_changes_nothing_for_the_hooks_has_none(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        first = await store.take_change(account.id, now=NOW, until=SOON)
        assert first is not None
        await store.end_change(first)
        assert not await store.add_account(account)
        await store.add(session_of(account), credential_version=1)
        await store.change_password(account.id, password_hash="new", credential_version=1, now=NOW, keep=None)
        await store.disable_account(account.id, now=NOW)
        await store.enable_account(account.id)
        await store.verify_account(account.id, now=NOW)
        await store.count_lasting_failure(account.email_key, key="k", now=NOW, forget_before=0)
        version = 3
        assert await store.change_email(
            account.id, email=account.email, email_key=account.email_key, credential_version=version, verified_at=NOW
        )
        assert await store.delete_account("nobody", now=NOW) is None
        assert await store.take_change(account.id, now=LATER, until=LATER + 1) is None

    async def test_only_the_oldest_entry_is_handed_out_and_to_one_caller(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        await store.delete_account(account.id, now=NOW)
        taken = await asyncio.gather(*(store.take_change(account.id, now=NOW, until=SOON) for _ in range(10)))
        assert [each.kind for each in taken if each is not None] == ["register"]
        assert await store.take_change(account.id, now=SOON - 1, until=LATER) is None

    async def test_an_entry_that_was_not_ended_is_handed_out_again(self, store: Store) -> None:
        account = account_of()
        await store.add_account(account)
        first = await store.take_change(account.id, now=NOW, until=SOON)
        again = await store.take_change(account.id, now=SOON, until=LATER)
        assert first is not None
        assert again is not None
        assert (again.number, first.tries, again.tries) == (first.number, 1, 2)
        await store.end_change(first)  # too late: another has it
        await store.put_off_change(first, until=NOW)
        assert await store.take_change(account.id, now=SOON, until=LATER) is None
        await store.put_off_change(again, until=SOON + 5)
        assert await store.take_change(account.id, now=SOON + 4, until=LATER) is None
        last = await store.take_change(account.id, now=SOON + 5, until=LATER)
        assert last is not None
        await store.end_change(last)
        assert await store.take_change(account.id, now=LATER, until=LATER + 1) is None

    async def test_entries_that_were_left_are_found_after_they_were_noticed(self, store: Store) -> None:
        ann, bob = account_of("ann"), account_of("bob", email_key="bob@example.com")
        for account in (ann, bob):
            await store.add_account(account)
        await store.delete_account(ann.id, now=NOW)

        async def look(now: int) -> list[tuple[str, str]]:
            found = await store.take_changes(now=now, until=now + 60, noticed_before=now - 10, limit=10)
            assert [each.number for each in found] == sorted(each.number for each in found)
            return [(each.account_id, each.kind) for each in found]

        assert await look(NOW) == []
        assert await look(NOW + 9) == []
        assert await look(NOW + 10) == [(ann.id, "register"), (bob.id, "register")]
        assert await look(NOW + 11) == [], "they are handed out"
        found = await store.take_changes(now=NOW + 70, until=LATER, noticed_before=NOW + 60, limit=1)
        assert [each.account_id for each in found] == [ann.id]

    async def test_callers_at_once_share_what_was_left(self, store: Store) -> None:
        for number in range(20):
            await store.add_account(account_of(f"{number}", email_key=f"{number}@example.com"))
        await store.take_changes(now=NOW, until=SOON, noticed_before=NOW - 10, limit=1)
        taken = await asyncio.gather(
            *(store.take_changes(now=SOON, until=LATER, noticed_before=NOW, limit=7) for _ in range(8))
        )
        numbers = [each.number for some in taken for each in some]
        assert len(numbers) == len(set(numbers))

    async def test_what_a_registration_brought_is_in_its_entry_until_the_account_is_deleted(self, store: Store) -> None:
        ann = account_of("ann")
        await store.add_account(ann, extra='{"company":"acme"}')
        change = await store.take_change(ann.id, now=NOW, until=SOON)
        assert change is not None
        assert change.extra == '{"company":"acme"}'
        await store.delete_account(ann.id, now=NOW)
        change = await store.take_change(ann.id, now=SOON, until=LATER)
        assert change is not None
        assert (change.kind, change.extra) == ("register", "")

    async def test_a_registration_that_is_confirmed_hands_on_what_it_brought(self, store: Store) -> None:
        pending = registration_of("one", extra='{"company":"acme"}')
        await store.add_registration(pending)
        assert await store.find_registration(pending.id) == pending
        account = account_of("one", email_key=pending.email_key)
        assert await store.confirm_registration(pending.id, account)
        change = await store.take_change(account.id, now=NOW, until=SOON)
        assert change is not None
        assert (change.kind, change.extra) == ("register", '{"company":"acme"}')

    async def test_old_entries_are_deleted_by_when_they_were_noticed(self, store: Store) -> None:
        for number in range(3):
            await store.add_account(account_of(f"{number}", email_key=f"{number}@example.com"))
        assert await store.prune_changes(now=NOW, before=NOW + 1_000, limit=2) == 2
        assert await store.prune_changes(now=NOW, before=NOW, limit=2) == 0
        assert await store.prune_changes(now=NOW, before=NOW + 1, limit=2) == 1
