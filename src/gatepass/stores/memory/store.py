"""The store in memory: the reference that the other stores are compared with. For tests and for trying things out.

Every verb runs in one step of the event loop, with no await inside, so it is atomic without a lock. Nothing is durable:
when the process ends, all sessions end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gatepass.core.account import Account
from gatepass.core.audit import AuditEntry
from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey
from gatepass.ports import Revocation, Subscription
from gatepass.stores.doorbell import Silence
from gatepass.stores.memory.attempts import MemoryAttempts
from gatepass.stores.memory.changes import MemoryChanges
from gatepass.stores.memory.claims import MemoryClaims
from gatepass.stores.memory.factors import MemoryFactors
from gatepass.stores.memory.registrations import MemoryRegistrations
from gatepass.stores.rows import MAX_KINDS, hash_kind


class MemoryStore(MemoryFactors, MemoryRegistrations, MemoryChanges, MemoryAttempts, MemoryClaims):
    """All store ports over dictionaries."""

    is_shared = False
    is_private = True

    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[bytes, Session] = {}
        self._signing_keys: dict[str, StoredKey] = {}
        self._audit: list[AuditEntry] = []
        self._tombstones: dict[bytes, int] = {}
        self._epoch = 0

    def rows(self) -> dict[bytes, Session]:
        """The table of sessions by sid, for tests: what a test adds or removes there, the store has or has lost."""
        return self._sessions

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass  # the data lives as long as the object

    async def ping(self) -> None:
        pass

    async def hazards(self) -> Sequence[str]:
        return ()

    async def add(self, session: Session, *, credential_version: int) -> bool:
        account = self._accounts.get(session.account_id)
        if account is None or account.disabled_at is not None:
            return False
        if account.credential_version != credential_version:
            return False
        self._sessions[session.sid] = session
        return True

    async def find(self, sid: bytes) -> Session | None:
        return self._sessions.get(sid)

    async def swap(self, swap: Swap) -> Session | None:
        row = self._sessions.get(swap.sid)
        if row is None or row.revoked_at is not None or row.expires_at <= swap.now:
            return None
        expected = (swap.expected_generation, swap.expected_fingerprint, swap.expected_binding)
        if (row.generation, row.fingerprint, row.binding) != expected:
            return None
        if row.device_since is not None and not swap.shown_device:
            return None
        swapped = replace(
            row,
            generation=swap.generation,
            fingerprint=swap.fingerprint,
            binding=swap.binding,
            previous=swap.previous,
            committed_at=swap.now,
            last_ip_prefix=swap.ip_prefix,
        )
        self._sessions[swap.sid] = swapped
        return swapped

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        row = self._sessions.get(sid)
        if row is None or row.revoked_at is not None or row.expires_at <= now or row.device_key not in (b"", key):
            return False
        since = row.device_since if row.device_since is not None else since
        self._sessions[sid] = replace(row, device_key=key, device_since=since)
        return True

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        return self._revoke(sid, reason, now)

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        return self._revoke_all(account_id, reason, now, keep)

    async def bury(self, sid: bytes, *, now: int) -> None:
        if sid not in self._sessions:
            self._tombstones[sid] = now

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        own = [row for row in self._sessions.values() if row.account_id == account_id]
        live = [row for row in own if row.revoked_at is None and row.expires_at > now]
        return tuple(sorted(live, key=lambda row: (-row.created_at, row.sid)))

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        found = [revocation for revocation in self._revocations() if revocation.at >= since]
        return tuple(sorted(found, key=lambda revocation: (revocation.at, revocation.sid)))

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return tuple(revocation for revocation in self._revocations() if revocation.sid in sids)

    async def time(self) -> int | None:
        return None

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        yield Silence()  # no other process shares this memory

    async def prune(self, *, before: int, limit: int) -> int:
        due = [
            row.sid
            for row in self._sessions.values()
            if row.expires_at < before or (row.revoked_at is not None and row.revoked_at < before)
        ][:limit]
        for sid in due:
            del self._sessions[sid]
        over = [sid for sid, at in self._tombstones.items() if at < before][: limit - len(due)]
        self._tombstones = {sid: at for sid, at in self._tombstones.items() if sid not in over}
        return len(due) + len(over)

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        if account.email_key in self._ids_by_email or account.id in self._accounts:
            return False
        self._accounts[account.id] = account
        self._ids_by_email[account.email_key] = account.id
        self._note_change(account.id, "register", extra=extra)
        return True

    async def find_account(self, account_id: str) -> Account | None:
        return self._accounts.get(account_id)

    async def find_account_by_email(self, email_key: str) -> Account | None:
        return self._accounts.get(self._ids_by_email.get(email_key, ""))

    async def change_password(
        self,
        account_id: str,
        *,
        password_hash: str,
        credential_version: int,
        now: int,
        keep: bytes | None,
        drop_others: bool = False,
    ) -> Sequence[bytes] | None:
        account = self._accounts.get(account_id)
        if account is None or account.credential_version != credential_version:
            return None
        if drop_others:
            self._drop_identities(account_id)
            self._drop_passkeys(account_id)
        self._factor_recoveries.pop(account_id, None)
        self._accounts[account_id] = replace(
            account, password_hash=password_hash, credential_version=credential_version + 1
        )
        return self._revoke_all(account_id, "revoked", now, keep)

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        account = self._accounts.get(account_id)
        if account is None or account.credential_version != credential_version:
            return False
        self._accounts[account_id] = replace(account, password_hash=password_hash)
        return True

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        account = self._accounts.get(account_id)
        if account is None:
            return None
        self._factor_recoveries.pop(account_id, None)
        self._accounts[account_id] = replace(
            account, disabled_at=account.disabled_at or now, credential_version=account.credential_version + 1
        )
        return self._revoke_all(account_id, "revoked", now, None)

    async def enable_account(self, account_id: str) -> bool:
        return self._set(account_id, disabled_at=None)

    async def delete_account(
        self, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        account = self._accounts.get(account_id)
        if account is None or credential_version not in (None, account.credential_version):
            return None
        del self._accounts[account_id]
        del self._ids_by_email[account.email_key]
        self._failures.pop(account_id, None)
        self._drop_identities(account_id, with_sessions=True)
        self._drop_factors(account_id)
        self._note_change(account_id, "delete")
        ended = self._revoke_all(account_id, "revoked", now, None)
        own = [row for row in self._sessions.values() if row.account_id == account_id]
        self._sessions.update({row.sid: replace(row, client="", last_ip_prefix="") for row in own})
        return ended

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        account = self._accounts.get(account_id)
        if account is None or account.credential_version != credential_version:
            return None
        if self._ids_by_email.get(email_key, account_id) != account_id:
            return False
        del self._ids_by_email[account.email_key]
        self._ids_by_email[email_key] = account_id
        self._factor_recoveries.pop(account_id, None)
        version = credential_version + 1
        if email != account.email:
            self._note_change(account_id, "change_email")
        return self._set(
            account_id, email=email, email_key=email_key, credential_version=version, verified_at=verified_at
        )

    async def sample_password_hashes(self) -> Sequence[str]:
        hashes = (account.password_hash for account in self._accounts.values())
        kinds = {kind: each for each in hashes if (kind := hash_kind(each))}
        return tuple(kinds.values())[:MAX_KINDS]

    async def verify_account(self, account_id: str, *, now: int) -> bool:
        return self._set(account_id, verified_at=now)

    async def list_accounts(self, *, after: str, limit: int) -> Sequence[Account]:
        return tuple(self._accounts[each] for each in sorted(self._accounts) if each > after)[:limit]

    async def signing_keys(self) -> Sequence[StoredKey]:
        return tuple(self._signing_keys.values())

    async def put_signing_key(self, key: StoredKey) -> None:
        self._signing_keys[key.kid] = key

    async def add_audit(self, entry: AuditEntry) -> None:
        self._audit.append(replace(entry, number=len(self._audit) + 1))

    async def list_audit(self, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        found = [entry for entry in reversed(self._audit) if before is None or entry.number < before]
        return tuple(found[:limit])

    async def epoch(self) -> int:
        return self._epoch

    async def raise_epoch(self, at: int) -> int:
        self._epoch = max(self._epoch, at)
        return self._epoch

    def _revocations(self) -> list[Revocation]:
        revoked = [Revocation(row.sid, row.revoked_at) for row in self._sessions.values() if row.revoked_at is not None]
        return [*revoked, *(Revocation(sid, at) for sid, at in self._tombstones.items())]

    def _set(self, account_id: str, **facts: Any) -> bool:
        account = self._accounts.get(account_id)
        if account is None:
            return False
        self._accounts[account_id] = replace(account, **facts)
        return True

    def _revoke(self, sid: bytes, reason: EndReason, now: int) -> Session | None:
        row = self._sessions.get(sid)
        if row is None or row.revoked_at is not None:
            return None
        self._sessions[sid] = replace(row, revoked_at=now, revoke_reason=reason)
        return self._sessions[sid]

    def _revoke_all(self, account_id: str, reason: EndReason, now: int, keep: bytes | None) -> Sequence[bytes]:
        own = [row.sid for row in self._sessions.values() if row.account_id == account_id and row.sid != keep]
        return tuple(sid for sid in own if self._revoke(sid, reason, now) is not None)
