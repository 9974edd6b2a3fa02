"""The verbs of the combined store that only concern the accounts' store: all that revoke no session of an account.

The epoch and the marks of changed claims are there too: of the two stores it is the one that keeps what must never be
lost.
"""

from collections.abc import Sequence

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.audit import AuditEntry
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.hook_facts import AccountChange
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.core.stored_key import StoredKey
from gatepass.ports import Attempts, Store


class DelegatedAccounts:
    """Passes the verbs on accounts, identities, registrations, attempts, keys and the audit trail on to `accounts`."""

    accounts: Store

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        return await self.accounts.add_account(account, extra=extra)

    async def find_account(self, account_id: str) -> Account | None:
        return await self.accounts.find_account(account_id)

    async def find_account_by_email(self, email_key: str) -> Account | None:
        return await self.accounts.find_account_by_email(email_key)

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        return await self.accounts.rehash_password(
            account_id, password_hash=password_hash, credential_version=credential_version
        )

    async def enable_account(self, account_id: str) -> bool:
        return await self.accounts.enable_account(account_id)

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        # Needs no lock: a sign-in that is under way checks the version at its end, and is refused.
        return await self.accounts.change_email(
            account_id, email=email, email_key=email_key, credential_version=credential_version, verified_at=verified_at
        )

    async def sample_password_hashes(self) -> Sequence[str]:
        return await self.accounts.sample_password_hashes()

    async def verify_account(self, account_id: str, *, now: int) -> bool:
        return await self.accounts.verify_account(account_id, now=now)

    async def list_accounts(self, *, after: str, limit: int) -> Sequence[Account]:
        return await self.accounts.list_accounts(after=after, limit=limit)

    async def add_identity(self, identity: LinkedIdentity, *, credential_version: int) -> bool:
        return await self.accounts.add_identity(identity, credential_version=credential_version)

    async def add_account_of(self, account: Account, identity: LinkedIdentity) -> bool:
        return await self.accounts.add_account_of(account, identity)

    async def use_identity(
        self, issuer: str, subject: str, *, provider: str, email: str, now: int
    ) -> LinkedIdentity | None:
        return await self.accounts.use_identity(issuer, subject, provider=provider, email=email, now=now)

    async def list_identities(self, account_id: str) -> Sequence[LinkedIdentity]:
        return await self.accounts.list_identities(account_id)

    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        return await self.accounts.remove_identity(identity_id, account_id=account_id, needs_another=needs_another)

    async def add_provider_session(self, began: ProviderSession) -> None:
        await self.accounts.add_provider_session(began)

    async def find_provider_session(self, sid: bytes) -> ProviderSession | None:
        return await self.accounts.find_provider_session(sid)

    async def end_provider_sessions(
        self, issuer: str, *, subject: str | None, provider_sid: str | None, issued_by: int, now: int
    ) -> Sequence[bytes]:
        return await self.accounts.end_provider_sessions(
            issuer, subject=subject, provider_sid=provider_sid, issued_by=issued_by, now=now
        )

    async def prune_provider_sessions(self, *, before: int, limit: int) -> int:
        return await self.accounts.prune_provider_sessions(before=before, limit=limit)

    async def add_registration(self, pending: PendingRegistration) -> None:
        await self.accounts.add_registration(pending)

    async def find_registration(self, registration_id: str) -> PendingRegistration | None:
        return await self.accounts.find_registration(registration_id)

    async def find_registrations(self, email_key: str) -> Sequence[PendingRegistration]:
        return await self.accounts.find_registrations(email_key)

    async def confirm_registration(self, registration_id: str, account: Account) -> bool:
        return await self.accounts.confirm_registration(registration_id, account)

    async def prune_registrations(self, *, before: int, limit: int) -> int:
        return await self.accounts.prune_registrations(before=before, limit=limit)

    async def take_change(self, account_id: str, *, now: int, until: int) -> AccountChange | None:
        return await self.accounts.take_change(account_id, now=now, until=until)

    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Sequence[AccountChange]:
        return await self.accounts.take_changes(now=now, until=until, noticed_before=noticed_before, limit=limit)

    async def end_change(self, change: AccountChange) -> None:
        await self.accounts.end_change(change)

    async def put_off_change(self, change: AccountChange, *, until: int) -> None:
        await self.accounts.put_off_change(change, until=until)

    async def prune_changes(self, *, now: int, before: int, limit: int) -> int:
        return await self.accounts.prune_changes(now=now, before=before, limit=limit)

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        return await self.accounts.attempts(keys)

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        await self.accounts.count_failure(keys, now=now, forget_before=forget_before)

    async def take_back_failure(self, key: str) -> None:
        await self.accounts.take_back_failure(key)

    async def clear_attempts(self, key: str) -> None:
        await self.accounts.clear_attempts(key)

    async def prune_attempts(self, *, before: int, keep: str, limit: int) -> int:
        return await self.accounts.prune_attempts(before=before, keep=keep, limit=limit)

    async def lasting_failures(self, email_key: str, *, key: str) -> Attempts:
        return await self.accounts.lasting_failures(email_key, key=key)

    async def count_lasting_failure(self, email_key: str, *, key: str, now: int, forget_before: int) -> None:
        await self.accounts.count_lasting_failure(email_key, key=key, now=now, forget_before=forget_before)

    async def clear_lasting_failures(self, email_key: str, *, key: str) -> None:
        await self.accounts.clear_lasting_failures(email_key, key=key)

    async def signing_keys(self) -> Sequence[StoredKey]:
        return await self.accounts.signing_keys()

    async def add_audit(self, entry: AuditEntry) -> None:
        await self.accounts.add_audit(entry)

    async def list_audit(self, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        return await self.accounts.list_audit(before=before, limit=limit)

    async def put_signing_key(self, key: StoredKey) -> None:
        await self.accounts.put_signing_key(key)

    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        return await self.accounts.mark_claims(account_ids, now=now, within=within)

    async def claims_number(self, account_id: str) -> int:
        return await self.accounts.claims_number(account_id)

    async def claims_marks(self, *, above: ClaimsMark, limit: int) -> Sequence[ClaimsMark]:
        return await self.accounts.claims_marks(above=above, limit=limit)

    async def prune_claims_marks(self, *, below: int, limit: int) -> int:
        return await self.accounts.prune_claims_marks(below=below, limit=limit)

    async def epoch(self) -> int:
        return await self.accounts.epoch()

    async def raise_epoch(self, at: int) -> int:
        return await self.accounts.raise_epoch(at)
