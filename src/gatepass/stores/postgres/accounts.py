"""Accounts and pending registrations on PostgreSQL: the account verbs of the store, mixed into it.

A deleted account stays as a row without personal data until its last session is pruned: its sessions refer to it, and
guards must still be able to read that they were revoked.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from gatepass.core.account import Account, PendingRegistration
from gatepass.core.audit import AuditEntry
from gatepass.stores import rows
from gatepass.stores.postgres.account_statements import AccountStatements
from gatepass.stores.postgres.changes import ChangeStatements
from gatepass.stores.postgres.factor_statements import FactorStatements
from gatepass.stores.postgres.identity_statements import IdentityStatements
from gatepass.stores.postgres.pool import ConnectionPool
from gatepass.stores.postgres.statements import Statements


class PostgresAccounts:
    """The verbs of AccountStore and AuditStore, on the pool and the statements of the store."""

    _sql: Statements
    _changes_sql: ChangeStatements
    _accounts_sql: AccountStatements
    _identities_sql: IdentityStatements
    _factors_sql: FactorStatements
    _pool: ConnectionPool

    async def add_account(self, account: Account, *, extra: str = "") -> bool:
        async def work(connection: Any) -> bool:
            async with connection.transaction():
                return await self._add(connection, account, extra)

        if extra:
            return await self._pool.run(work)
        return await self._row(self._accounts_sql.add_account, *rows.from_account(account)) is not None

    async def find_account(self, account_id: str) -> Account | None:
        row = await self._row(self._accounts_sql.find_account, account_id)
        return rows.to_account(row) if row else None

    async def find_account_by_email(self, email_key: str) -> Account | None:
        row = await self._row(self._accounts_sql.find_account_by_email, email_key)
        return rows.to_account(row) if row else None

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
        change = (self._accounts_sql.change_password, account_id, password_hash, credential_version)
        return await self._revoke_all_after(change, account_id, now=now, keep=keep, drop_others=drop_others)

    async def add_audit(self, entry: AuditEntry) -> None:
        await self._rows(self._accounts_sql.add_audit, *rows.from_audit(entry))

    async def list_audit(self, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        return tuple(AuditEntry(*row) for row in await self._rows(self._accounts_sql.list_audit, before, limit))

    async def rehash_password(self, account_id: str, *, password_hash: str, credential_version: int) -> bool:
        return (
            await self._row(self._accounts_sql.rehash_password, account_id, password_hash, credential_version)
            is not None
        )

    async def disable_account(self, account_id: str, *, now: int) -> Sequence[bytes] | None:
        return await self._revoke_all_after(
            (self._accounts_sql.disable_account, account_id, now), account_id, now=now, keep=None
        )

    async def enable_account(self, account_id: str) -> bool:
        return await self._row(self._accounts_sql.enable_account, account_id) is not None

    async def delete_account(
        self, account_id: str, *, now: int, credential_version: int | None = None
    ) -> Sequence[bytes] | None:
        values = (account_id, now, credential_version)

        async def work(connection: Any) -> Sequence[bytes] | None:
            async with connection.transaction():
                if await connection.fetchrow(self._accounts_sql.anonymise_account, *values) is None:
                    await connection.execute(self._sql.seal)
                    return None
                revoked = await connection.fetch(self._sql.revoke_all, now, "revoked", account_id, None)
                for statement in (
                    self._accounts_sql.blank_sessions,
                    self._identities_sql.remove_all,
                    self._identities_sql.remove_sessions,
                    *self._factors_sql.drop_all,
                ):
                    await connection.execute(statement, account_id)
                await connection.execute(self._accounts_sql.drop_deleted, [account_id])
            return tuple(row[0] for row in revoked)

        return await self._pool.run(work)

    async def change_email(
        self, account_id: str, *, email: str, email_key: str, credential_version: int, verified_at: int | None
    ) -> bool | None:
        async def work(connection: Any) -> bool | None:
            values = (account_id, email, email_key, credential_version, verified_at)
            try:
                async with connection.transaction():
                    if await connection.fetchrow(self._accounts_sql.change_email, *values) is None:
                        return None
                    await connection.execute(self._factors_sql.cancel_recovery, account_id)
            except asyncpg.UniqueViolationError:
                return False
            return True

        return await self._pool.run(work)

    async def sample_password_hashes(self) -> Sequence[str]:
        return tuple(row[0] for row in await self._rows(self._accounts_sql.sample_password_hashes))

    async def verify_account(self, account_id: str, *, now: int) -> bool:
        return await self._row(self._accounts_sql.verify_account, account_id, now) is not None

    async def list_accounts(self, *, after: str, limit: int) -> Sequence[Account]:
        return tuple(rows.to_account(row) for row in await self._rows(self._accounts_sql.list_accounts, after, limit))

    async def add_registration(self, pending: PendingRegistration) -> None:
        await self._execute(self._accounts_sql.add_registration, *rows.from_registration(pending))

    async def find_registration(self, registration_id: str) -> PendingRegistration | None:
        row = await self._row(self._accounts_sql.find_registration, registration_id)
        return rows.to_registration(row) if row else None

    async def find_registrations(self, email_key: str) -> Sequence[PendingRegistration]:
        found = await self._rows(self._accounts_sql.find_registrations, email_key)
        return tuple(rows.to_registration(row) for row in found)

    async def confirm_registration(self, registration_id: str, account: Account) -> bool:
        async def work(connection: Any) -> bool:
            async with connection.transaction():
                locked = await connection.fetch(self._accounts_sql.lock_registrations, account.email_key)
                extras = dict(map(tuple, locked))
                if registration_id not in extras or not await self._add(connection, account, extras[registration_id]):
                    return False
                await connection.execute(self._accounts_sql.forget_registrations, account.email_key)
            return True

        return await self._pool.run(work)

    async def prune_registrations(self, *, before: int, limit: int) -> int:
        return len(await self._rows(self._accounts_sql.prune_registrations, before, limit))

    async def _add(self, connection: Any, account: Account, extra: str) -> bool:
        """Add an account, and what its entry of the journal keeps."""
        if await connection.fetchrow(self._accounts_sql.add_account, *rows.from_account(account)) is None:
            return False
        if extra:
            await connection.execute(self._changes_sql.keep_extra, account.id, extra)
        return True

    async def _revoke_all_after(
        self,
        change: Sequence[object],
        account_id: str,
        *,
        now: int,
        keep: bytes | None,
        drop_others: bool = False,
    ) -> Sequence[bytes] | None:
        """Run the statement `change`, then revoke the sessions of the account, in one transaction.

        Two statements, because the second must see the sign-ins that the first had to wait for.
        """

        async def work(connection: Any) -> Sequence[bytes] | None:
            async with connection.transaction():
                if await connection.fetchrow(*change) is None:  # perhaps made by an earlier, unacknowledged call
                    await connection.execute(self._sql.seal)
                    return None
                await connection.execute(self._factors_sql.cancel_recovery, account_id)
                if drop_others:
                    for statement in (self._identities_sql.remove_all, *self._factors_sql.drop_passkeys):
                        await connection.execute(statement, account_id)
                revoked = await connection.fetch(self._sql.revoke_all, now, "revoked", account_id, keep)
            return tuple(row[0] for row in revoked)

        return await self._pool.run(work)

    async def _row(self, statement: str, *values: object) -> Any:
        return await self._pool.run(lambda connection: connection.fetchrow(statement, *values))

    async def _rows(self, statement: str, *values: object) -> Sequence[Any]:
        found: Sequence[Any] = await self._pool.run(lambda connection: connection.fetch(statement, *values))
        return found

    async def _execute(self, statement: str, *values: object) -> str:
        status: str = await self._pool.run(lambda connection: connection.execute(statement, *values))
        return status
