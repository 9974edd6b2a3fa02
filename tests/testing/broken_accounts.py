"""Stores that break one sentence of the contract each: about accounts, identities and second factors."""

import asyncio
from dataclasses import replace
from typing import Any

from gatepass.stores.memory.store import MemoryStore


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
