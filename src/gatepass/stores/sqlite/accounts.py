"""Accounts and pending registrations on SQLite, mixed into the store; and how all sessions of an account are revoked.

A deleted account stays as a row without personal data until its last session is pruned: its sessions refer to it, and
guards must still be able to read that they were revoked.
"""

import sqlite3
from collections.abc import Sequence
from typing import Protocol

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.audit import AuditEntry
from gatepass.core.session import EndReason
from gatepass.stores import rows
from gatepass.stores.sqlite.file import Result, Work
from gatepass.stores.sqlite.writer import Durability

_ACCOUNT = ", ".join(rows.ACCOUNT_COLUMNS)
_REGISTRATION = ", ".join(rows.REGISTRATION_COLUMNS)
_ADD_ACCOUNT = (
    f"INSERT INTO account ({_ACCOUNT}) VALUES ({', '.join('?' * len(rows.ACCOUNT_COLUMNS))}) ON CONFLICT DO NOTHING"
)
_KEEP_EXTRA = "UPDATE account_change SET extra = ? WHERE account_id = ? AND kind = 'register'"
"""Of an account that was added in the same transaction, and therefore has one entry."""
_FIND_ACCOUNT = f"SELECT {_ACCOUNT} FROM account WHERE deleted_at IS NULL AND"
_REVOKE_ALL = """
UPDATE session SET revoked_at = ?, revoke_reason = ?
WHERE account_id = ? AND revoked_at IS NULL AND sid IS NOT ? RETURNING sid
"""
_DISABLE_ACCOUNT = """
UPDATE account SET disabled_at = coalesce(disabled_at, ?), credential_version = credential_version + 1
WHERE id = ? AND deleted_at IS NULL
"""
_DROP_IDENTITIES = "DELETE FROM identity WHERE account_id = ?"
_DROP_PASSKEYS = "DELETE FROM passkey WHERE account_id = ?"
_END_RECOVERY = "DELETE FROM factor_recovery WHERE account_id = ?"
DROP_NEEDLESS_CODES = """
DELETE FROM recovery_code WHERE account_id = :id
AND NOT EXISTS (SELECT 1 FROM passkey WHERE account_id = :id)
AND NOT EXISTS (SELECT 1 FROM totp WHERE account_id = :id AND confirmed_at IS NOT NULL)
"""
"""Recovery codes go with the last second factor."""
DROP_FACTORS = (
    _DROP_PASSKEYS,
    "DELETE FROM totp WHERE account_id = ?",
    "DELETE FROM recovery_code WHERE account_id = ?",
    _END_RECOVERY,
    "UPDATE account SET enrol_by = NULL WHERE id = ?",
)
"""Nothing is left that an account has beside its password and its identities."""
_ERASE = (
    "UPDATE session SET client = '', last_ip_prefix = '' WHERE account_id = ?",
    "DELETE FROM provider_session WHERE account_id = ?",
    _DROP_IDENTITIES,
    *DROP_FACTORS,
)
_ANONYMISE_ACCOUNT = """
UPDATE account SET email = '', email_key = 'deleted ' || id, password_hash = '', disabled_at = :now, deleted_at = :now
WHERE id = :id
"""
_DROP_ACCOUNT = """
DELETE FROM account
WHERE id = ? AND deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM session WHERE account_id = account.id)
"""
_CHANGE_EMAIL = """
UPDATE account SET email = ?, email_key = ?, verified_at = ?, credential_version = credential_version + 1 WHERE id = ?
"""
_AUDIT = ", ".join(rows.AUDIT_COLUMNS)
_ADD_AUDIT = f"INSERT INTO audit ({', '.join(rows.AUDIT_COLUMNS[:-1])}) VALUES (?, ?, ?, ?, ?)"
_LIST_AUDIT = f"SELECT {_AUDIT} FROM audit WHERE ? IS NULL OR number < ? ORDER BY number DESC LIMIT ?"
_PRUNE_REGISTRATIONS = """
DELETE FROM applicant WHERE id IN (SELECT id FROM applicant WHERE created_at < ? ORDER BY created_at LIMIT ?)
"""


_SAMPLE_HASHES = rows.sample_hashes("account")


class Engine(Protocol):
    """What these verbs need from the store."""

    async def _run(self, work: Work[Result]) -> Result: ...

    async def _read(self, work: Work[Result]) -> Result: ...

    async def _atomically(self, work: Work[Result], *, durability: Durability = Durability.FLUSH) -> Result: ...


class SQLiteAudit:
    """The verbs of AuditStore. Mixed into the store, which runs the work."""

    async def add_audit(self: Engine, entry: AuditEntry) -> None:
        values = rows.from_audit(entry)
        await self._run(lambda connection: connection.execute(_ADD_AUDIT, values))

    async def list_audit(self: Engine, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        values = (before, before, limit)
        found = await self._read(lambda connection: connection.execute(_LIST_AUDIT, values).fetchall())
        return tuple(AuditEntry(*row) for row in found)


class SQLiteAccounts:
    """The verbs of AccountStore. Mixed into the store, which runs the work."""

    async def add_account(self: Engine, account: Account, *, extra: str = "") -> bool:
        return await self._atomically(lambda connection: insert_account(connection, account, extra=extra))

    async def find_account(self: Engine, account_id: str) -> Account | None:
        return await self._read(lambda connection: _account(connection, "id = ?", account_id))

    async def find_account_by_email(self: Engine, email_key: str) -> Account | None:
        return await self._read(lambda connection: _account(connection, "email_key = ?", email_key))

    async def change_password(
        self: Engine,
        account_id: str,
        *,
        password_hash: str,
        credential_version: int,
        now: int,
        keep: bytes | None,
        drop_others: bool = False,
    ) -> Sequence[bytes] | None:
        values = (password_hash, account_id, credential_version)

        def change(connection: sqlite3.Connection) -> Sequence[bytes] | None:
            changed = connection.execute(
                "UPDATE account SET password_hash = ?, credential_version = credential_version + 1 "
                "WHERE id = ? AND credential_version = ? AND deleted_at IS NULL",
                values,
            )
            if changed.rowcount and drop_others:
                for statement in (_DROP_IDENTITIES, _DROP_PASSKEYS):
                    connection.execute(statement, (account_id,))
                connection.execute(DROP_NEEDLESS_CODES, {"id": account_id})
            if not changed.rowcount:
                return None
            connection.execute(_END_RECOVERY, (account_id,))
            return revoke_all(connection, account_id, "revoked", now, keep)

        return await self._atomically(change)

    async def rehash_password(self: Engine, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        statement = (
            "UPDATE account SET password_hash = ? WHERE id = ? AND credential_version = ? AND deleted_at IS NULL"
        )
        values = (password_hash, account_id, credential_version)
        return await self._run(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def disable_account(self: Engine, account_id: str, *, now: int) -> Sequence[bytes] | None:
        def disable(connection: sqlite3.Connection) -> Sequence[bytes] | None:
            disabled = connection.execute(_DISABLE_ACCOUNT, (now, account_id))
            connection.execute(_END_RECOVERY, (account_id,))
            return revoke_all(connection, account_id, "revoked", now, None) if disabled.rowcount else None

        return await self._atomically(disable)

    async def enable_account(self: Engine, account_id: str) -> bool:
        statement = "UPDATE account SET disabled_at = NULL WHERE id = ? AND deleted_at IS NULL"
        return await self._run(lambda connection: connection.execute(statement, (account_id,)).rowcount == 1)

    async def delete_account(
        self: Engine, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        def delete(connection: sqlite3.Connection) -> Sequence[bytes] | None:
            account = _account(connection, "id = ?", account_id)
            if account is None or credential_version not in (None, account.credential_version):
                return None
            connection.execute(_ANONYMISE_ACCOUNT, {"now": now, "id": account_id})
            ended = revoke_all(connection, account_id, "revoked", now, None)
            for statement in _ERASE:
                connection.execute(statement, (account_id,))
            connection.execute(_DROP_ACCOUNT, (account_id,))
            return ended

        return await self._atomically(delete, durability=Durability.ERASE)

    async def change_email(
        self: Engine, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        def change(connection: sqlite3.Connection) -> bool | None:
            account = _account(connection, "id = ?", account_id)
            if account is None or account.credential_version != credential_version:
                return None
            owner = _account(connection, "email_key = ?", email_key)
            if owner is not None and owner.id != account_id:
                return False
            connection.execute(_CHANGE_EMAIL, (email, email_key, verified_at, account_id))
            connection.execute(_END_RECOVERY, (account_id,))
            return True

        return await self._atomically(change, durability=Durability.ERASE)

    async def sample_password_hashes(self: Engine) -> Sequence[str]:
        found = await self._read(lambda connection: connection.execute(_SAMPLE_HASHES).fetchall())
        return tuple(stored for (stored,) in found)

    async def verify_account(self: Engine, account_id: str, *, now: int) -> bool:
        statement = "UPDATE account SET verified_at = ? WHERE id = ? AND deleted_at IS NULL"
        return await self._run(lambda connection: connection.execute(statement, (now, account_id)).rowcount == 1)

    async def list_accounts(self: Engine, *, after: str, limit: int) -> Sequence[Account]:
        statement = f"{_FIND_ACCOUNT} id > ? ORDER BY id LIMIT ?"
        found = await self._read(lambda connection: connection.execute(statement, (after, limit)).fetchall())
        return tuple(rows.to_account(row) for row in found)

    async def add_registration(self: Engine, pending: PendingRegistration) -> None:
        places = ", ".join("?" * len(rows.REGISTRATION_COLUMNS))
        statement = f"INSERT INTO applicant ({_REGISTRATION}) VALUES ({places})"
        values = rows.from_registration(pending)
        await self._run(lambda connection: connection.execute(statement, values))

    async def find_registration(self: Engine, registration_id: str) -> PendingRegistration | None:
        statement = f"SELECT {_REGISTRATION} FROM applicant WHERE id = ?"
        row = await self._read(lambda connection: connection.execute(statement, (registration_id,)).fetchone())
        return rows.to_registration(row) if row else None

    async def find_registrations(self: Engine, email_key: str) -> Sequence[PendingRegistration]:
        statement = f"SELECT {_REGISTRATION} FROM applicant WHERE email_key = ? ORDER BY created_at DESC, id"
        found = await self._read(lambda connection: connection.execute(statement, (email_key,)).fetchall())
        return tuple(rows.to_registration(row) for row in found)

    async def confirm_registration(self: Engine, registration_id: str, account: Account) -> bool:
        def confirm(connection: sqlite3.Connection) -> bool:
            pending = connection.execute("SELECT extra FROM applicant WHERE id = ?", (registration_id,)).fetchone()
            if pending is None or not insert_account(connection, account, extra=pending[0]):
                return False
            connection.execute("DELETE FROM applicant WHERE email_key = ?", (account.email_key,))
            return True

        return await self._atomically(confirm)

    async def prune_registrations(self: Engine, *, before: int, limit: int) -> int:
        return await self._run(lambda connection: connection.execute(_PRUNE_REGISTRATIONS, (before, limit)).rowcount)


def insert_account(connection: sqlite3.Connection, account: Account, *, extra: str = "") -> bool:
    """Add an account, unless its address or its id is taken, and what its entry of the journal keeps."""
    if connection.execute(_ADD_ACCOUNT, rows.from_account(account)).rowcount == 0:
        return False
    if extra:
        connection.execute(_KEEP_EXTRA, (extra, account.id))
    return True


def revoke_all(
    connection: sqlite3.Connection, account_id: str, reason: EndReason, now: int, keep: bytes | None
) -> Sequence[bytes]:
    """Revoke all sessions of an account except `keep`. Returns the sids revoked."""
    ended = connection.execute(_REVOKE_ALL, (now, reason, account_id, keep)).fetchall()
    return tuple(sid for (sid,) in ended)


def drop_deleted(connection: sqlite3.Connection, account_ids: Sequence[str]) -> None:
    """Delete the rows of those of these accounts that are deleted and have no session left."""
    connection.executemany(_DROP_ACCOUNT, [(each,) for each in account_ids])


def _account(connection: sqlite3.Connection, condition: str, value: str) -> Account | None:
    row = connection.execute(f"{_FIND_ACCOUNT} {condition}", (value,)).fetchone()
    return rows.to_account(row) if row else None
