"""The contract of AccountStore for pending registrations: each test says one sentence of it."""

import asyncio

from gatepass.ports import Store
from gatepass.testing.records import NOW, account_of, registration_of


class RegistrationBattery:
    """Registrations whose address is not verified yet."""

    async def test_pending_registrations_take_no_address_and_are_found_newest_first(self, store: Store) -> None:
        first, second = registration_of("one"), registration_of("two", created_at=NOW + 1)
        for pending in (first, second):
            await store.add_registration(pending)
        assert await store.find_registration(first.id) == first
        assert await store.find_registration("nobody") is None
        assert list(await store.find_registrations(first.email_key)) == [second, first]
        assert await store.find_account_by_email(first.email_key) is None
        assert await store.add_account(account_of())

    async def test_one_is_confirmed_and_all_of_the_address_are_forgotten(self, store: Store) -> None:
        first, second, other = registration_of("one"), registration_of("two"), registration_of("x", email_key="x")
        for pending in (first, second, other):
            await store.add_registration(pending)
        assert await store.confirm_registration(second.id, account_of())
        assert await store.find_account_by_email("ann@example.com") == account_of()
        assert list(await store.find_registrations("ann@example.com")) == []
        assert not await store.confirm_registration(second.id, account_of("again"))
        assert await store.find_registration(other.id) == other

    async def test_an_address_that_is_taken_confirms_no_registration(self, store: Store) -> None:
        await store.add_account(account_of())
        await store.add_registration(registration_of("one"))
        eve = account_of("eve", email_key="ann@example.com")
        assert not await store.confirm_registration(registration_of("one").id, eve)
        assert await store.find_account(eve.id) is None

    async def test_of_two_confirmations_at_once_one_wins(self, store: Store) -> None:
        pending = [registration_of(f"{number}") for number in range(6)]
        for each in pending:
            await store.add_registration(each)
        confirmed = await asyncio.gather(
            *(store.confirm_registration(each.id, account_of(email_key="ann@example.com")) for each in pending)
        )
        assert sum(confirmed) == 1

    async def test_old_registrations_are_forgotten_a_few_at_a_time(self, store: Store) -> None:
        for number in range(5):
            await store.add_registration(registration_of(f"{number}", created_at=NOW + number))
        assert await store.prune_registrations(before=NOW + 4, limit=3) == 3
        assert await store.prune_registrations(before=NOW + 4, limit=3) == 1
        assert await store.prune_registrations(before=NOW + 4, limit=3) == 0
        assert [each.created_at for each in await store.find_registrations("ann@example.com")] == [NOW + 4]
