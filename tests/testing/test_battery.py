"""The battery and the machine find a store that breaks its contract: one sentence of it at a time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gatepass.core.claims_mark import first_number
from gatepass.core.session import EndReason, Session, Swap
from gatepass.ports import Attempts, Revocation, Store
from gatepass.stores.memory import MemoryStore
from gatepass.testing.battery import StoreBattery
from gatepass.testing.machine import StoreMachine


class IgnoresVersion(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        account = await self.find_account(session.account_id)
        return account is not None and await super().add(session, credential_version=account.credential_version)


class LooksThenAdds(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        account = self._accounts.get(session.account_id)
        if account is None or account.disabled_at is not None or account.credential_version != credential_version:
            return False
        await asyncio.sleep(0)
        self._sessions[session.sid] = session
        return True


class IgnoresDisabling(MemoryStore):
    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        ended = await super().disable_account(account_id, now=now)
        if ended is not None:
            self._accounts[account_id] = replace(self._accounts[account_id], disabled_at=None)
        return ended


class ChecksThenActs(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        before = self._sessions.get(swap.sid)
        after = await super().swap(swap)
        if before is not None and after is not None:
            self._sessions[swap.sid] = before
            await asyncio.sleep(0)
            self._sessions[swap.sid] = after
        return after


class SwapsTheDead(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        if row is None or row.revoked_at is None:
            return await super().swap(swap)
        self._sessions[swap.sid] = replace(row, revoked_at=None, revoke_reason=None)
        return await super().swap(swap)


class SwapsTheExpired(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, now=0))


class SwapsAnyVersion(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        return await super().swap(replace(swap, expected_fingerprint=row.fingerprint) if row else swap)


class SwapsAnyBinding(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        return await super().swap(replace(swap, expected_binding=row.binding) if row else swap)


class ForgetsTheBinding(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, binding=swap.expected_binding))


class ForgetsThePrevious(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, previous=bytes(16)))


class ForgetsTheMethods(MemoryStore):
    async def add(self, session: Session, *, credential_version: int) -> bool:
        return await super().add(replace(session, methods=("pwd",)), credential_version=credential_version)


class ForgetsTheDevice(MemoryStore):
    async def swap(self, swap: Swap) -> Session | None:
        return await super().swap(replace(swap, shown_device=True))


class ExchangesTheDevice(MemoryStore):
    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        if sid in self._sessions:
            self._sessions[sid] = replace(self._sessions[sid], device_key=b"")
        return await super().set_device(sid, key=key, since=since, now=now)


class RevokesTwice(MemoryStore):
    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        if sid in self._sessions:
            self._sessions[sid] = replace(self._sessions[sid], revoked_at=None)
        return await super().revoke(sid, reason=reason, now=now)


class KeepsNone(MemoryStore):
    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        return await super().revoke_all(account_id, reason=reason, now=now)


class ChangesAlone(MemoryStore):
    async def change_password(self, account_id: str, **facts: Any) -> Any:
        rows = dict(self._sessions)
        ended = await super().change_password(account_id, **facts)
        self._sessions = rows
        return ended


class KeepsIdentities(MemoryStore):
    async def change_password(self, account_id: str, *, drop_others: bool = False, **facts: Any) -> Any:
        return await super().change_password(account_id, **facts)


class MovesIdentities(MemoryStore):
    def _is_free(self, identity: Any) -> bool:
        return True


class MatchesSubjectsAlone(MemoryStore):
    async def use_identity(self, issuer: str, subject: str, **facts: Any) -> Any:
        known = next((key for key in self._identities if key[1] == subject), (issuer, subject))
        return await super().use_identity(*known, **facts)


class LinksAnyVersion(MemoryStore):
    async def add_identity(self, identity: Any, *, credential_version: int) -> bool:
        account = self._accounts.get(identity.account_id)
        return account is not None and await super().add_identity(
            identity, credential_version=account.credential_version
        )


class RemovesTheLastWayIn(MemoryStore):
    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        others = len(await self.list_identities(account_id)) > 1
        await asyncio.sleep(0)
        needed = needs_another and not others
        return await super().remove_identity(identity_id, account_id=account_id, needs_another=needed)


class UnlinksOfOthers(MemoryStore):
    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        owners = [each.account_id for each in self._identities.values() if each.id == identity_id]
        owner = owners[0] if owners else account_id
        return await super().remove_identity(identity_id, account_id=owner, needs_another=needs_another)


class EndsAllOfTheSubject(MemoryStore):
    async def end_provider_sessions(self, issuer: str, *, provider_sid: str | None, **facts: Any) -> Any:
        sid = None if facts["subject"] else provider_sid
        return await super().end_provider_sessions(issuer, provider_sid=sid, **facts)


class EndsWhatBeganLater(MemoryStore):
    async def end_provider_sessions(self, issuer: str, *, issued_by: int, **facts: Any) -> Any:
        return await super().end_provider_sessions(issuer, issued_by=issued_by + 1, **facts)


class ForgetsWhoEnded(MemoryStore):
    async def end_provider_sessions(self, issuer: str, **facts: Any) -> Any:
        ended = await super().end_provider_sessions(issuer, **facts)
        for sid in ended:
            del self._provider_sessions[sid]
        return ended


class TakesCopiesOfPasskeys(MemoryStore):
    async def use_passkey(self, credential_id: bytes, *, sign_count: int, **facts: Any) -> bool:
        passkey = self._passkeys.get(credential_id)
        if passkey is not None:
            self._passkeys[credential_id] = replace(passkey, sign_count=max(0, min(passkey.sign_count, sign_count - 1)))
        return await super().use_passkey(credential_id, sign_count=sign_count, **facts)


class RemovesTheLastPasskey(MemoryStore):
    async def remove_passkey(self, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        return await super().remove_passkey(passkey_id, account_id=account_id, needs_another=False)


class KeepsTheVersionOfFactors(MemoryStore):
    def _end_change(self, account_id: str) -> None:
        account = self._accounts[account_id]
        super()._end_change(account_id)
        self._accounts[account_id] = account


class TakesAStepAgain(MemoryStore):
    async def use_totp(self, account_id: str, *, step: int) -> bool:
        return await super().use_totp(account_id, step=step) or await super().use_totp(account_id, step=step + 99)


class LooksAtACodeThenUsesIt(MemoryStore):
    async def use_recovery_code(self, account_id: str, digest: bytes, *, now: int) -> int | None:
        unused = self._recovery_codes.get(account_id, {}).get(digest, now) is None
        await asyncio.sleep(0)
        if unused:
            self._recovery_codes[account_id][digest] = None
        return await super().use_recovery_code(account_id, digest, now=now)


class ReplacesTheAppUnasked(MemoryStore):
    async def put_totp(self, totp: Any, *, credential_version: int) -> bool:
        self._totps.pop(totp.account_id, None)
        return await super().put_totp(totp, credential_version=credential_version)


class RecoversAtOnce(MemoryStore):
    async def end_factor_recovery(self, account_id: str, *, now: int) -> bool:
        return await super().end_factor_recovery(account_id, now=now + 99)


class RecoversAfterANewPassword(MemoryStore):
    async def change_password(self, account_id: str, **facts: Any) -> Any:
        recovery = self._factor_recoveries.get(account_id)
        ended = await super().change_password(account_id, **facts)
        if recovery is not None:
            self._factor_recoveries[account_id] = recovery
        return ended


class ForgetsWhatWasUsed(MemoryStore):
    async def prune_used(self, *, before: int, limit: int) -> int:
        return await super().prune_used(before=before + 1, limit=limit)


class KeepsFactors(MemoryStore):
    def _drop_factors(self, account_id: str) -> None:
        self._passkeys = {key: each for key, each in self._passkeys.items() if each.account_id != account_id}


class SharesAddresses(MemoryStore):
    async def find_account_by_email(self, email_key: str) -> Any:
        return next(reversed([a for a in self._accounts.values() if a.email_key == email_key]), None)

    async def add_account(self, account: Any, *, extra: str = "") -> bool:
        self._note_change(account.id, "register", extra=extra)
        self._accounts[account.id] = account
        self._ids_by_email[account.email_key] = account.id
        return True


class DeletesQuietly(MemoryStore):
    async def delete_account(self, account_id: str, **facts: Any) -> Any:
        ended = await super().delete_account(account_id, **facts)
        for sid in ended or ():
            del self._sessions[sid]
        return ended


class TakesAddressesOfOthers(MemoryStore):
    async def change_email(self, account_id: str, *, email_key: str, **rest: Any) -> Any:
        if self._ids_by_email.get(email_key) != account_id:
            self._ids_by_email.pop(email_key, None)
        return await super().change_email(account_id, email_key=email_key, **rest)


class KeepsTheVersion(MemoryStore):
    async def change_email(self, account_id: str, *, credential_version: int, **rest: Any) -> Any:
        changed = await super().change_email(account_id, credential_version=credential_version, **rest)
        if changed:
            self._set(account_id, credential_version=credential_version)
        return changed


class ConfirmsTheRest(MemoryStore):
    async def confirm_registration(self, registration_id: str, account: Any) -> bool:
        return registration_id in self._registrations and await self.add_account(account)


class EnablesNobody(MemoryStore):
    async def enable_account(self, account_id: str) -> bool:
        return account_id in self._accounts


class PrunesTheLiving(MemoryStore):
    async def prune(self, *, before: int, limit: int) -> int:
        return await super().prune(before=before + 1, limit=limit)


class PrunesAll(MemoryStore):
    async def prune(self, *, before: int, limit: int) -> int:
        return await super().prune(before=before, limit=1_000_000)


class ListsTooLittle(MemoryStore):
    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        return await super().revoked_since(since + 1)


class BuriesNobody(MemoryStore):
    async def bury(self, sid: bytes, *, now: int) -> None:
        pass


class BuriesTheLiving(MemoryStore):
    async def bury(self, sid: bytes, *, now: int) -> None:
        self._tombstones[sid] = now


class BelievesWhatIsNamed(MemoryStore):
    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return [Revocation(sid, 0) for sid in sids]


class LowersTheEpoch(MemoryStore):
    async def raise_epoch(self, at: int) -> int:
        self._epoch = at
        return at


class MissesDeletions(MemoryStore):
    def _note_change(self, account_id: str, kind: Any, *, extra: str = "") -> None:
        if kind != "delete":
            super()._note_change(account_id, kind, extra=extra)


class HandsOutToAll(MemoryStore):
    async def take_change(self, account_id: str, *, now: int, until: int) -> Any:
        return await super().take_change(account_id, now=now + (until - now), until=until)


class EndsWhatAnotherHas(MemoryStore):
    def _is_held(self, change: Any) -> bool:
        return change.number in self._changes


class TakesBeforeTheHeadStart(MemoryStore):
    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Any:
        return await super().take_changes(now=now, until=until, noticed_before=now, limit=limit)


class NumbersByTheClock(MemoryStore):
    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        number = first_number(now)
        self._marks.update({(account_id, within): number for account_id in account_ids})
        return number


class ForgetsMarksForAll(MemoryStore):
    async def claims_number(self, account_id: str) -> int:
        return max((number for (marked, _), number in self._marks.items() if marked == account_id), default=0)


class CountsOnce(MemoryStore):
    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        for key in keys:
            self._attempts[key] = Attempts(1, now)


BROKEN = [value for value in list(globals().values()) if inspect.isclass(value) and MemoryStore in value.__bases__]
BATTERY: dict[str, Callable[..., Awaitable[None]]] = {
    name: test for name, test in inspect.getmembers(StoreBattery, inspect.isfunction) if name.startswith("test_")
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_the_battery_finds_a_broken_store(broken: type[MemoryStore]) -> None:
    found = []
    for name, test in BATTERY.items():
        try:
            await test(StoreBattery(), broken())
        except AssertionError:
            found.append(name)
    assert found, f"{broken.__name__} passes every test"
    assert len(found) < len(BATTERY) / 2, "a fault is found by the tests that name it, not by all"


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        *(SwapsTheDead, SwapsTheExpired, RevokesTwice, CountsOnce),
        *(pytest.param(store, marks=pytest.mark.full) for store in (SwapsAnyBinding, ForgetsThePrevious)),
    ],
)
def test_the_machine_finds_a_broken_store(broken: type[MemoryStore]) -> None:
    class Machine(StoreMachine):
        def make_store(self) -> Store:
            return broken()

    one = settings(
        Machine.TestCase.settings,
        max_examples=200,
        phases=[Phase.generate],  # the first failing run is enough: the smallest is not needed
        report_multiple_bugs=False,
        derandomize=True,
        database=None,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=one)
