"""The contract of FactorStore for TOTP, recovery codes, lost factors, and what may be used once."""

import asyncio
from dataclasses import replace

from gatepass.core.account import Account
from gatepass.core.factor import FactorRecovery, FactorSummary
from gatepass.ports import Store
from gatepass.testing.passkey_battery import LIMIT, PasskeyBattery, version_of
from gatepass.testing.records import NOW, account_of, passkey_of, session_of, totp_of

CODES = (b"one", b"two", b"three")


async def enrolled(store: Store, account: Account) -> None:
    """Put an account with a confirmed TOTP and three recovery codes into the store. Its version is 2 then."""
    await store.add_account(account)
    totp = totp_of(account)
    assert await store.put_totp(totp, credential_version=1)
    assert await store.confirm_totp(
        account.id, sealed=totp.sealed, step=7, recovery_codes=CODES, credential_version=1, now=NOW
    )


class FactorBattery(PasskeyBattery):
    """Factors change in one step with the version of their account, and nothing works twice."""

    async def test_a_totp_counts_once_it_is_confirmed_and_is_then_not_replaced(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        first, second = totp_of(ann), totp_of(ann, sealed=b"\1another", created_at=NOW + 1)
        assert await store.find_totp(ann.id) is None
        assert await store.put_totp(first, credential_version=1)
        assert await store.put_totp(second, credential_version=1)
        assert await store.find_totp(ann.id) == second
        assert not await store.use_totp(ann.id, step=8)
        assert await store.factors(ann.id) == FactorSummary()
        confirm = {"step": 7, "recovery_codes": CODES, "now": NOW + 2}
        for sealed, version in ((first.sealed, 1), (second.sealed, 2)):
            assert not await store.confirm_totp(ann.id, sealed=sealed, credential_version=version, **confirm)  # type: ignore[arg-type]
        assert await store.confirm_totp(ann.id, sealed=second.sealed, credential_version=1, **confirm)  # type: ignore[arg-type]
        assert await store.find_totp(ann.id) == replace(second, confirmed_at=NOW + 2, last_step=7)
        assert await store.factors(ann.id) == FactorSummary(has_totp=True, recovery_codes=3)
        assert await version_of(store, ann) == 2
        assert not await store.put_totp(first, credential_version=2)
        assert not await store.confirm_totp(ann.id, sealed=second.sealed, credential_version=2, **confirm)  # type: ignore[arg-type]

    async def test_a_totp_is_only_put_into_the_account_that_was_read(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        assert not await store.put_totp(totp_of(ann), credential_version=2)
        assert not await store.put_totp(totp_of(account_of("nobody")), credential_version=1)
        await store.put_totp(totp_of(ann), credential_version=1)
        await store.disable_account(ann.id, now=NOW)
        assert not await store.put_totp(totp_of(ann), credential_version=2)
        assert not await store.confirm_totp(
            ann.id, sealed=totp_of(ann).sealed, step=7, recovery_codes=(), credential_version=2, now=NOW
        )

    async def test_a_step_is_used_once_and_none_before_it(self, store: Store) -> None:
        ann = account_of()
        await enrolled(store, ann)
        assert not await store.use_totp(ann.id, step=7), "the code that confirmed it"
        assert sum(await asyncio.gather(*(store.use_totp(ann.id, step=8) for _ in range(4)))) == 1
        assert not await store.use_totp(ann.id, step=7)
        assert await store.use_totp(ann.id, step=9)
        assert await version_of(store, ann) == 2
        assert not await store.use_totp(account_of("eve").id, step=9)

    async def test_a_totp_is_removed_from_the_account_that_was_read_with_the_codes_that_stand_for_it(
        self, store: Store
    ) -> None:
        ann, bob = account_of(), account_of("bob")
        for account in (ann, bob):
            await enrolled(store, account)
        assert not await store.remove_totp(ann.id, credential_version=1)
        assert await store.remove_totp(ann.id, credential_version=2)
        assert not await store.remove_totp(ann.id, credential_version=3)
        assert await version_of(store, ann) == 3
        assert await store.find_totp(ann.id) is None
        assert await store.factors(ann.id) == FactorSummary()
        assert await store.add_passkey(passkey_of(bob), credential_version=2, limit=LIMIT)
        assert await store.remove_totp(bob.id, credential_version=3)
        assert await store.factors(bob.id) == FactorSummary(passkeys=1, recovery_codes=3), "they stand for the passkey"
        assert await store.remove_passkey(passkey_of(bob).id, account_id=bob.id, needs_another=True)
        assert await store.factors(bob.id) == FactorSummary()

    async def test_what_is_sealed_under_another_secret_is_found_and_sealed_anew(self, store: Store) -> None:
        for name, key_id in (("ann", 1), ("bob", 2), ("eve", 255)):
            account = account_of(name)
            await store.add_account(account)
            await store.put_totp(totp_of(account, sealed=bytes([key_id]) + b"sealed"), credential_version=1)
        ann = account_of().id
        assert [each.account_id for each in await store.list_totps_under(key_id=1, after="", limit=9)] == [ann]
        assert not await store.reseal_totp(ann, before=b"\2sealed", after=b"\2anew")
        assert await store.reseal_totp(ann, before=b"\1sealed", after=b"\2anew")
        assert list(await store.list_totps_under(key_id=1, after="", limit=9)) == []
        both = await store.list_totps_under(key_id=2, after="", limit=9)
        assert {each.account_id for each in both} == {ann, account_of("bob").id}
        assert await store.list_totps_under(key_id=2, after="", limit=1) == both[:1]
        assert await store.list_totps_under(key_id=2, after=both[0].account_id, limit=9) == both[1:]
        assert list(await store.list_totps_under(key_id=2, after=both[1].account_id, limit=9)) == []
        assert await version_of(store, account_of()) == 1

    async def test_a_recovery_code_is_used_once(self, store: Store) -> None:
        ann = account_of()
        await enrolled(store, ann)
        used = await asyncio.gather(*(store.use_recovery_code(ann.id, b"one", now=NOW) for _ in range(4)))
        assert [left for left in used if left is not None] == [2]
        assert await store.use_recovery_code(ann.id, b"one", now=NOW) is None
        assert await store.use_recovery_code(ann.id, b"four", now=NOW) is None
        assert await store.use_recovery_code(account_of("eve").id, b"two", now=NOW) is None
        assert await store.use_recovery_code(ann.id, b"two", now=NOW) == 1
        assert await store.factors(ann.id) == FactorSummary(has_totp=True, recovery_codes=1)
        assert await version_of(store, ann) == 2

    async def test_new_recovery_codes_take_the_place_of_all_that_were_there(self, store: Store) -> None:
        ann, bob = account_of(), account_of("bob")
        await enrolled(store, ann)
        await store.add_account(bob)
        assert not await store.set_recovery_codes(bob.id, (b"four",), credential_version=1, now=NOW), "for no factor"
        assert not await store.set_recovery_codes(ann.id, (b"four",), credential_version=1, now=NOW)
        assert await store.set_recovery_codes(ann.id, (b"four", b"five"), credential_version=2, now=NOW)
        assert await version_of(store, ann) == 3
        assert await store.use_recovery_code(ann.id, b"one", now=NOW) is None
        assert await store.use_recovery_code(ann.id, b"four", now=NOW) == 1

    async def test_a_reset_removes_every_factor(self, store: Store) -> None:
        ann = account_of()
        await enrolled(store, ann)
        session = session_of(ann)
        await store.add(session, credential_version=2)
        await store.add_passkey(passkey_of(ann), credential_version=2, limit=LIMIT)
        assert await store.set_enrol_by(ann.id, NOW + 5) == NOW + 5
        assert await store.reset_factors(ann.id)
        assert await store.factors(ann.id) == FactorSummary()
        assert await store.find_passkey(passkey_of(ann).credential_id) is None
        assert await version_of(store, ann) == 4
        assert await store.find(session.sid) == session, "its sessions stay"
        assert not await store.reset_factors("nobody")

    async def test_the_time_to_enrol_is_the_first_that_was_set(self, store: Store) -> None:
        ann = account_of()
        await store.add_account(ann)
        assert await store.set_enrol_by(ann.id, NOW + 5) == NOW + 5
        assert await store.set_enrol_by(ann.id, NOW + 9) == NOW + 5
        assert (await store.factors(ann.id)).enrol_by == NOW + 5
        assert await store.set_enrol_by("nobody", NOW + 9) == NOW + 9
        assert await version_of(store, ann) == 1

    async def test_lost_factors_are_removed_when_the_time_has_come(self, store: Store) -> None:
        ann, bob = account_of(), account_of("bob")
        await enrolled(store, ann)
        await store.add_account(bob)
        assert await store.start_factor_recovery(bob.id, credential_version=1, ready_at=NOW + 9, now=NOW) is None, (
            "it has no factor"
        )
        asked = FactorRecovery(ann.id, NOW, NOW + 9)
        assert await store.start_factor_recovery(ann.id, credential_version=2, ready_at=NOW + 9, now=NOW) == asked
        assert await store.start_factor_recovery(ann.id, credential_version=2, ready_at=NOW + 12, now=NOW + 3) == asked
        assert await store.find_factor_recovery(ann.id) == asked
        assert not await store.end_factor_recovery(ann.id, now=NOW + 8)
        assert not await store.end_factor_recovery(bob.id, now=NOW + 9)
        assert (await store.factors(ann.id)).has_second
        assert sum(await asyncio.gather(*(store.end_factor_recovery(ann.id, now=NOW + 9) for _ in range(3)))) == 1
        assert await store.factors(ann.id) == FactorSummary()
        assert await version_of(store, ann) == 3
        assert await store.find_factor_recovery(ann.id) is None

    async def test_a_recovery_is_cancelled_by_its_owner_by_every_change_of_factors_and_by_time(
        self, store: Store
    ) -> None:
        ann = account_of()
        await enrolled(store, ann)

        async def ask() -> None:
            version = await version_of(store, ann)
            assert await store.start_factor_recovery(ann.id, credential_version=version, ready_at=NOW + 9, now=NOW)

        assert not await store.cancel_factor_recovery(ann.id)
        await ask()
        assert await store.cancel_factor_recovery(ann.id)
        assert await store.find_factor_recovery(ann.id) is None
        await ask()
        await store.set_recovery_codes(ann.id, (b"four",), credential_version=2, now=NOW)
        assert await store.find_factor_recovery(ann.id) is None
        await ask()
        await store.add_passkey(passkey_of(ann), credential_version=3, limit=LIMIT)
        assert not await store.end_factor_recovery(ann.id, now=NOW + 9)
        await ask()
        await store.disable_account(ann.id, now=NOW)
        assert await store.find_factor_recovery(ann.id) is None
        assert await store.start_factor_recovery(ann.id, credential_version=5, ready_at=NOW, now=NOW) is None
        await store.enable_account(ann.id)
        await ask()
        assert await store.prune_factor_recoveries(before=NOW + 9, limit=9) == 0
        assert await store.prune_factor_recoveries(before=NOW + 10, limit=9) == 1
        assert await store.find_factor_recovery(ann.id) is None

    async def test_a_recovery_ends_with_the_password_and_the_address_and_none_begins_for_what_they_were(
        self, store: Store
    ) -> None:
        ann = account_of()
        await enrolled(store, ann)

        async def ask(version: int) -> bool:
            asked = await store.start_factor_recovery(ann.id, credential_version=version, ready_at=NOW, now=NOW)
            return asked is not None

        assert await ask(2)
        await store.change_password(ann.id, password_hash="stale", credential_version=1, now=NOW, keep=None)
        assert await store.find_factor_recovery(ann.id) is not None, "nothing was changed"
        await store.change_password(ann.id, password_hash="new", credential_version=2, now=NOW, keep=None)
        assert await store.find_factor_recovery(ann.id) is None
        assert not await ask(2)
        assert await ask(3)
        address = {"email": "new@example.com", "email_key": "new@example.com", "verified_at": NOW}
        assert await store.change_email(ann.id, **address, credential_version=3)  # type: ignore[arg-type]
        assert await store.find_factor_recovery(ann.id) is None
        assert not await store.end_factor_recovery(ann.id, now=NOW)
        assert not await ask(3)
        assert (await store.factors(ann.id)).has_second

    async def test_the_factors_go_with_their_account(self, store: Store) -> None:
        ann = account_of()
        await enrolled(store, ann)
        await store.add_passkey(passkey_of(ann), credential_version=2, limit=LIMIT)
        await store.set_enrol_by(ann.id, NOW)
        await store.start_factor_recovery(ann.id, credential_version=3, ready_at=NOW, now=NOW)
        await store.delete_account(ann.id, now=NOW)
        assert await store.factors(ann.id) == FactorSummary()
        assert list(await store.list_passkeys(ann.id)) == []
        assert await store.find_totp(ann.id) is None
        assert await store.find_factor_recovery(ann.id) is None
        eve = account_of("eve")
        await store.add_account(eve)
        free = passkey_of(eve, credential_id=passkey_of(ann).credential_id)
        assert await store.add_passkey(free, credential_version=1, limit=LIMIT)

    async def test_where_a_new_password_is_to_be_the_only_way_in_passkeys_go_and_what_is_asked_after_it_stays(
        self, store: Store
    ) -> None:
        ann, bob = account_of(), account_of("bob")
        await enrolled(store, ann)
        await store.add_passkey(passkey_of(ann), credential_version=2, limit=LIMIT)
        await store.add_account(bob)
        await store.add_passkey(passkey_of(bob), credential_version=1, limit=LIMIT)
        await store.set_recovery_codes(bob.id, (b"four",), credential_version=2, now=NOW)
        for each in (ann, bob):
            change = {"password_hash": "new", "credential_version": 3, "now": NOW, "keep": None}
            assert await store.change_password(each.id, drop_others=True, **change) is not None  # type: ignore[arg-type]
            assert list(await store.list_passkeys(each.id)) == []
        assert await store.factors(ann.id) == FactorSummary(has_totp=True, recovery_codes=3)
        assert await store.factors(bob.id) == FactorSummary(), "recovery codes go with the last second factor"

    async def test_another_password_leaves_the_factors(self, store: Store) -> None:
        ann = account_of()
        await enrolled(store, ann)
        await store.change_password(ann.id, password_hash="new", credential_version=2, now=NOW, keep=None)
        assert await store.factors(ann.id) == FactorSummary(has_totp=True, recovery_codes=3)

    async def test_a_key_is_used_once_as_long_as_it_is_remembered(self, store: Store) -> None:
        key, other = bytes(32), bytes(31) + b"\1"
        used = await asyncio.gather(*(store.use_once(key, until=NOW + 9, now=NOW) for _ in range(4)))
        assert sum(used) == 1
        assert await store.use_once(other, until=NOW + 20, now=NOW)
        assert not await store.use_once(key, until=NOW + 9, now=NOW + 9)
        assert await store.prune_used(before=NOW + 9, limit=9) == 0
        assert await store.prune_used(before=NOW + 10, limit=9) == 1
        assert not await store.use_once(other, until=NOW + 20, now=NOW + 10)
        assert await store.use_once(other, until=NOW + 40, now=NOW + 21), "what was sealed so long ago is void"
