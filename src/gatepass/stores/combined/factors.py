"""The verbs of the combined store on second factors: they are where the accounts are."""

from collections.abc import Sequence

from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp
from gatepass.ports import Store


class DelegatedFactors:
    """Passes them on to `accounts`. None needs a lock: a sign-in that is under way checks the version at its end."""

    accounts: Store

    async def add_passkey(self, passkey: Passkey, *, credential_version: int, limit: int) -> bool:
        return await self.accounts.add_passkey(passkey, credential_version=credential_version, limit=limit)

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        return await self.accounts.find_passkey(credential_id)

    async def list_passkeys(self, account_id: str) -> Sequence[Passkey]:
        return await self.accounts.list_passkeys(account_id)

    async def rename_passkey(self, passkey_id: str, *, account_id: str, name: str) -> bool:
        return await self.accounts.rename_passkey(passkey_id, account_id=account_id, name=name)

    async def use_passkey(self, credential_id: bytes, *, sign_count: int, is_backed_up: bool, now: int) -> bool:
        return await self.accounts.use_passkey(credential_id, sign_count=sign_count, is_backed_up=is_backed_up, now=now)

    async def remove_passkey(self, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        return await self.accounts.remove_passkey(passkey_id, account_id=account_id, needs_another=needs_another)

    async def put_totp(self, totp: Totp, *, credential_version: int) -> bool:
        return await self.accounts.put_totp(totp, credential_version=credential_version)

    async def find_totp(self, account_id: str) -> Totp | None:
        return await self.accounts.find_totp(account_id)

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
        return await self.accounts.confirm_totp(
            account_id,
            sealed=sealed,
            step=step,
            recovery_codes=recovery_codes,
            credential_version=credential_version,
            now=now,
        )

    async def use_totp(self, account_id: str, *, step: int) -> bool:
        return await self.accounts.use_totp(account_id, step=step)

    async def remove_totp(self, account_id: str, *, credential_version: int) -> bool:
        return await self.accounts.remove_totp(account_id, credential_version=credential_version)

    async def list_totps_under(self, *, key_id: int, after: str, limit: int) -> Sequence[Totp]:
        return await self.accounts.list_totps_under(key_id=key_id, after=after, limit=limit)

    async def reseal_totp(self, account_id: str, *, before: bytes, after: bytes) -> bool:
        return await self.accounts.reseal_totp(account_id, before=before, after=after)

    async def set_recovery_codes(
        self, account_id: str, digests: Sequence[bytes], *, credential_version: int, now: int
    ) -> bool:
        return await self.accounts.set_recovery_codes(
            account_id, digests, credential_version=credential_version, now=now
        )

    async def use_recovery_code(self, account_id: str, digest: bytes, *, now: int) -> int | None:
        return await self.accounts.use_recovery_code(account_id, digest, now=now)

    async def factors(self, account_id: str) -> FactorSummary:
        return await self.accounts.factors(account_id)

    async def set_enrol_by(self, account_id: str, at: int) -> int:
        return await self.accounts.set_enrol_by(account_id, at)

    async def reset_factors(self, account_id: str) -> bool:
        return await self.accounts.reset_factors(account_id)

    async def start_factor_recovery(
        self, account_id: str, *, credential_version: int, ready_at: int, now: int
    ) -> FactorRecovery | None:
        return await self.accounts.start_factor_recovery(
            account_id, credential_version=credential_version, ready_at=ready_at, now=now
        )

    async def find_factor_recovery(self, account_id: str) -> FactorRecovery | None:
        return await self.accounts.find_factor_recovery(account_id)

    async def cancel_factor_recovery(self, account_id: str) -> bool:
        return await self.accounts.cancel_factor_recovery(account_id)

    async def end_factor_recovery(self, account_id: str, *, now: int) -> bool:
        return await self.accounts.end_factor_recovery(account_id, now=now)

    async def prune_factor_recoveries(self, *, before: int, limit: int) -> int:
        return await self.accounts.prune_factor_recoveries(before=before, limit=limit)

    async def use_once(self, key: bytes, *, until: int, now: int) -> bool:
        return await self.accounts.use_once(key, until=until, now=now)

    async def prune_used(self, *, before: int, limit: int) -> int:
        return await self.accounts.prune_used(before=before, limit=limit)
