"""Second factors in memory, mixed into the store."""

from collections.abc import Sequence
from dataclasses import replace

from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp
from gatepass.stores.memory.identities import MemoryIdentities


class MemoryFactors(MemoryIdentities):
    """The verbs of FactorStore over dictionaries, beside the identities: both are ways into an account."""

    def __init__(self) -> None:
        super().__init__()
        self._totps: dict[str, Totp] = {}
        self._recovery_codes: dict[str, dict[bytes, int | None]] = {}
        self._enrol_by: dict[str, int] = {}
        self._factor_recoveries: dict[str, FactorRecovery] = {}
        self._used_keys: dict[bytes, int] = {}

    async def add_passkey(self, passkey: Passkey, *, credential_version: int, limit: int) -> bool:
        own = await self.list_passkeys(passkey.account_id)
        is_named = any(each.id == passkey.id for each in self._passkeys.values())
        if not self._is_as_read(passkey.account_id, credential_version) or len(own) >= limit or is_named:
            return False
        if passkey.credential_id in self._passkeys:
            return False
        self._passkeys[passkey.credential_id] = passkey
        self._end_change(passkey.account_id)
        return True

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        return self._passkeys.get(credential_id)

    async def list_passkeys(self, account_id: str) -> Sequence[Passkey]:
        own = [each for each in self._passkeys.values() if each.account_id == account_id]
        return tuple(sorted(own, key=lambda each: (each.created_at, each.id)))

    async def rename_passkey(self, passkey_id: str, *, account_id: str, name: str) -> bool:
        for each in await self.list_passkeys(account_id):
            if each.id == passkey_id:
                self._passkeys[each.credential_id] = replace(each, name=name)
                return True
        return False

    async def use_passkey(self, credential_id: bytes, *, sign_count: int, is_backed_up: bool, now: int) -> bool:
        passkey = self._passkeys.get(credential_id)
        if passkey is None or not (sign_count > passkey.sign_count or sign_count == passkey.sign_count == 0):
            return False
        used = replace(passkey, sign_count=sign_count, is_backed_up=is_backed_up, last_used_at=now)
        self._passkeys[credential_id] = used
        return True

    async def remove_passkey(self, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        named = [each for each in await self.list_passkeys(account_id) if each.id == passkey_id]
        if not named:
            return None
        if needs_another and self._ways_in(account_id) == 1:
            return False
        del self._passkeys[named[0].credential_id]
        self._end_change(account_id)
        return True

    async def put_totp(self, totp: Totp, *, credential_version: int) -> bool:
        other = self._totps.get(totp.account_id)
        if not self._is_as_read(totp.account_id, credential_version) or (other and other.confirmed_at is not None):
            return False
        self._totps[totp.account_id] = totp
        return True

    async def find_totp(self, account_id: str) -> Totp | None:
        return self._totps.get(account_id)

    async def confirm_totp(
        self,
        account_id: str,
        *,
        sealed: bytes,
        step: int,
        recovery_codes: Sequence[bytes],
        credential_version: int,
        now: int,
    ) -> bool:
        totp = self._totps.get(account_id)
        if not self._is_as_read(account_id, credential_version) or totp is None:
            return False
        if totp.confirmed_at is not None or totp.sealed != sealed:
            return False
        self._totps[account_id] = replace(totp, confirmed_at=now, last_step=step)
        self._recovery_codes[account_id] = dict.fromkeys(recovery_codes)
        self._end_change(account_id)
        return True

    async def use_totp(self, account_id: str, *, step: int) -> bool:
        totp = self._totps.get(account_id)
        if totp is None or totp.confirmed_at is None or totp.last_step >= step:
            return False
        self._totps[account_id] = replace(totp, last_step=step)
        return True

    async def remove_totp(self, account_id: str, *, credential_version: int) -> bool:
        account = self._accounts.get(account_id)
        if account is None or account.credential_version != credential_version or account_id not in self._totps:
            return False
        del self._totps[account_id]
        self._end_change(account_id)
        return True

    async def list_totps_under(self, *, key_id: int, after: str, limit: int) -> Sequence[Totp]:
        found = (each for each in self._totps.values() if each.sealed[0] == key_id and each.account_id > after)
        return tuple(sorted(found, key=lambda each: each.account_id)[:limit])

    async def reseal_totp(self, account_id: str, *, before: bytes, after: bytes) -> bool:
        totp = self._totps.get(account_id)
        if totp is None or totp.sealed != before:
            return False
        self._totps[account_id] = replace(totp, sealed=after)
        return True

    async def set_recovery_codes(
        self, account_id: str, digests: Sequence[bytes], *, credential_version: int, now: int
    ) -> bool:
        if not self._is_as_read(account_id, credential_version) or not (await self.factors(account_id)).has_second:
            return False
        self._recovery_codes[account_id] = dict.fromkeys(digests)
        self._end_change(account_id)
        return True

    async def use_recovery_code(self, account_id: str, digest: bytes, *, now: int) -> int | None:
        codes = self._recovery_codes.get(account_id, {})
        if codes.get(digest, now) is not None:
            return None
        codes[digest] = now
        return sum(used_at is None for used_at in codes.values())

    async def factors(self, account_id: str) -> FactorSummary:
        totp = self._totps.get(account_id)
        return FactorSummary(
            passkeys=len(await self.list_passkeys(account_id)),
            has_totp=totp is not None and totp.confirmed_at is not None,
            recovery_codes=sum(used_at is None for used_at in self._recovery_codes.get(account_id, {}).values()),
            enrol_by=self._enrol_by.get(account_id),
        )

    async def set_enrol_by(self, account_id: str, at: int) -> int:
        return self._enrol_by.setdefault(account_id, at) if account_id in self._accounts else at

    async def reset_factors(self, account_id: str) -> bool:
        if account_id not in self._accounts:
            return False
        self._drop_factors(account_id)
        self._end_change(account_id)
        return True

    async def start_factor_recovery(
        self, account_id: str, *, credential_version: int, ready_at: int, now: int
    ) -> FactorRecovery | None:
        if not self._is_as_read(account_id, credential_version) or not (await self.factors(account_id)).has_second:
            return None
        return self._factor_recoveries.setdefault(account_id, FactorRecovery(account_id, now, ready_at))

    async def find_factor_recovery(self, account_id: str) -> FactorRecovery | None:
        return self._factor_recoveries.get(account_id)

    async def cancel_factor_recovery(self, account_id: str) -> bool:
        return self._factor_recoveries.pop(account_id, None) is not None

    async def end_factor_recovery(self, account_id: str, *, now: int) -> bool:
        recovery = self._factor_recoveries.get(account_id)
        if recovery is None or recovery.ready_at > now:
            return False
        return await self.reset_factors(account_id)

    async def prune_factor_recoveries(self, *, before: int, limit: int) -> int:
        due = [each.account_id for each in self._factor_recoveries.values() if each.ready_at < before][:limit]
        for account_id in due:
            del self._factor_recoveries[account_id]
        return len(due)

    async def use_once(self, key: bytes, *, until: int, now: int) -> bool:
        if self._used_keys.get(key, now - 1) >= now:
            return False
        self._used_keys[key] = until
        return True

    async def prune_used(self, *, before: int, limit: int) -> int:
        due = [key for key, until in self._used_keys.items() if until < before][:limit]
        for key in due:
            del self._used_keys[key]
        return len(due)

    def _end_change(self, account_id: str) -> None:
        """What every change of factors does at its end."""
        account = self._accounts[account_id]
        self._accounts[account_id] = replace(account, credential_version=account.credential_version + 1)
        self._factor_recoveries.pop(account_id, None)
        self._drop_needless_codes(account_id)

    def _drop_needless_codes(self, account_id: str) -> None:
        """Recovery codes go with the last second factor."""
        totp = self._totps.get(account_id)
        has_passkey = any(each.account_id == account_id for each in self._passkeys.values())
        if not has_passkey and (totp is None or totp.confirmed_at is None):
            self._recovery_codes.pop(account_id, None)

    def _drop_passkeys(self, account_id: str) -> None:
        self._passkeys = {key: each for key, each in self._passkeys.items() if each.account_id != account_id}
        self._drop_needless_codes(account_id)

    def _drop_factors(self, account_id: str) -> None:
        self._drop_passkeys(account_id)
        for of_account in (self._totps, self._recovery_codes, self._enrol_by, self._factor_recoveries):
            of_account.pop(account_id, None)
