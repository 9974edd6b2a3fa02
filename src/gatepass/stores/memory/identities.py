"""Identities in memory, mixed into the store."""

from collections.abc import Sequence
from dataclasses import replace

from gatepass.core.account import Account
from gatepass.core.factor import Passkey
from gatepass.core.identity import LinkedIdentity, ProviderSession


class MemoryIdentities:
    """The verbs of IdentityStore over dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[str, Account] = {}
        self._identities: dict[tuple[str, str], LinkedIdentity] = {}
        self._passkeys: dict[bytes, Passkey] = {}
        self._provider_sessions: dict[bytes, ProviderSession] = {}

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        raise NotImplementedError  # the store's

    async def add_identity(self, identity: LinkedIdentity, *, credential_version: int) -> bool:
        return self._is_as_read(identity.account_id, credential_version) and self._add(identity)

    async def add_account_of(self, account: Account, identity: LinkedIdentity) -> bool:
        if not self._is_free(identity) or not await self.add_account(account):
            return False
        return self._add(identity)

    async def use_identity(
        self, issuer: str, subject: str, *, provider: str, email: str, now: int
    ) -> LinkedIdentity | None:
        identity = self._identities.get((issuer, subject))
        if identity is None:
            return None
        used = replace(identity, provider=provider, email=email, last_used_at=now)
        self._identities[issuer, subject] = used
        return used

    async def list_identities(self, account_id: str) -> Sequence[LinkedIdentity]:
        own = [each for each in self._identities.values() if each.account_id == account_id]
        return tuple(sorted(own, key=lambda each: (each.created_at, each.id)))

    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        own = await self.list_identities(account_id)
        named = [each for each in own if each.id == identity_id]
        if not named:
            return None
        account = self._accounts[account_id]
        if needs_another and self._ways_in(account_id) == 1:
            return False
        del self._identities[named[0].issuer, named[0].subject]
        self._accounts[account_id] = replace(account, credential_version=account.credential_version + 1)
        return True

    async def add_provider_session(self, began: ProviderSession) -> None:
        if began.account_id in self._accounts:
            self._provider_sessions[began.sid] = began

    async def find_provider_session(self, sid: bytes) -> ProviderSession | None:
        return self._provider_sessions.get(sid)

    async def end_provider_sessions(
        self, issuer: str, *, subject: str | None, provider_sid: str | None, issued_by: int, now: int
    ) -> Sequence[bytes]:
        sids = (provider_sid,) if subject is None else (provider_sid, None)
        ended = [
            each
            for each in self._provider_sessions.values()
            if each.issuer == issuer
            and each.issued_at <= issued_by
            and subject in (None, each.subject)
            and (provider_sid is None or each.provider_sid in sids)
        ]
        for each in ended:
            self._provider_sessions[each.sid] = replace(each, ended_at=each.ended_at or now)
        return tuple(each.sid for each in ended)

    async def prune_provider_sessions(self, *, before: int, limit: int) -> int:
        due = [each.sid for each in self._provider_sessions.values() if each.expires_at < before][:limit]
        for sid in due:
            del self._provider_sessions[sid]
        return len(due)

    def _is_as_read(self, account_id: str, credential_version: int) -> bool:
        account = self._accounts.get(account_id)
        return account is not None and account.disabled_at is None and account.credential_version == credential_version

    def _ways_in(self, account_id: str) -> int:
        """How many things begin a session of an account: its password, identities and passkeys."""
        owners = [each.account_id for each in self._identities.values()]
        owners += [each.account_id for each in self._passkeys.values()]
        return self._accounts[account_id].has_password + owners.count(account_id)

    def _is_free(self, identity: LinkedIdentity) -> bool:
        is_named = any(each.id == identity.id for each in self._identities.values())
        return not is_named and (identity.issuer, identity.subject) not in self._identities

    def _add(self, identity: LinkedIdentity) -> bool:
        is_free = self._is_free(identity)
        if is_free:
            self._identities[identity.issuer, identity.subject] = identity
        return is_free

    def _drop_identities(self, account_id: str, *, with_sessions: bool = False) -> None:
        self._identities = {key: each for key, each in self._identities.items() if each.account_id != account_id}
        if with_sessions:
            began = self._provider_sessions
            self._provider_sessions = {sid: each for sid, each in began.items() if each.account_id != account_id}
