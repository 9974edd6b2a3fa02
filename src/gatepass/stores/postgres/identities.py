"""Identities on PostgreSQL, and the sessions that began at a provider: mixed into the store.

What adds or removes an identity locks the row of the account first, as a sign-in and a change of the password do.
"""

from collections.abc import Sequence
from typing import Any

from gatepass.core.account import Account
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.stores import rows
from gatepass.stores.postgres.accounts import PostgresAccounts


class PostgresIdentities(PostgresAccounts):
    """The verbs of IdentityStore, on the pool of the store."""

    async def add_identity(self, identity: LinkedIdentity, *, credential_version: int) -> bool:
        values = rows.from_identity(identity)
        return await self._row(self._identities_sql.add, *values, credential_version) is not None

    async def add_account_of(self, account: Account, identity: LinkedIdentity) -> bool:
        async def work(connection: Any) -> bool:
            transaction = connection.transaction()
            await transaction.start()
            try:
                is_added = await self._add_both(connection, account, identity)
            except BaseException:
                await transaction.rollback()
                raise
            # Without its identity the account is taken back, and what the journal says of it.
            await (transaction.commit() if is_added else transaction.rollback())
            return is_added

        return await self._pool.run(work)

    async def _add_both(self, connection: Any, account: Account, identity: LinkedIdentity) -> bool:
        if await connection.fetchrow(self._accounts_sql.add_account, *rows.from_account(account)) is None:
            return False
        values = (*rows.from_identity(identity), account.credential_version)
        return await connection.fetchrow(self._identities_sql.add, *values) is not None

    async def use_identity(
        self, issuer: str, subject: str, *, provider: str, email: str, now: int
    ) -> LinkedIdentity | None:
        row = await self._row(self._identities_sql.use, provider, email, now, issuer, subject)
        return LinkedIdentity(*row) if row else None

    async def list_identities(self, account_id: str) -> Sequence[LinkedIdentity]:
        return tuple(LinkedIdentity(*row) for row in await self._rows(self._identities_sql.list_own, account_id))

    async def remove_identity(self, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        async def work(connection: Any) -> bool | None:
            async with connection.transaction():
                has_password = await connection.fetchrow(self._identities_sql.lock_account, account_id)
                own = {row[0] for row in await connection.fetch(self._identities_sql.list_ids, account_id)}
                if has_password is None or identity_id not in own:
                    return None
                has_others = has_password[0] or len(own) > 1
                if needs_another and not (has_others or await self._has_passkey(connection, account_id)):
                    return False
                await connection.execute(self._identities_sql.remove, identity_id)
                await connection.execute(self._identities_sql.raise_version, account_id)
            return True

        return await self._pool.run(work)

    async def _has_passkey(self, connection: Any, account_id: str) -> bool:
        return bool(await connection.fetchval(self._factors_sql.count_passkeys, account_id))

    async def add_provider_session(self, began: ProviderSession) -> None:
        await self._execute(self._identities_sql.add_session, *rows.from_provider_session(began))

    async def find_provider_session(self, sid: bytes) -> ProviderSession | None:
        row = await self._row(self._identities_sql.find_session, sid)
        return ProviderSession(*row) if row else None

    async def end_provider_sessions(
        self, issuer: str, *, subject: str | None, provider_sid: str | None, issued_by: int, now: int
    ) -> Sequence[bytes]:
        statement, given = self._identities_sql.end_sessions(subject=subject, provider_sid=provider_sid)
        ended = await self._rows(statement, issuer, issued_by, now, *given)
        if not ended:  # an earlier call ended them, and was perhaps not acknowledged
            await self._execute(self._sql.seal)
        return tuple(row[0] for row in ended)

    async def prune_provider_sessions(self, *, before: int, limit: int) -> int:
        return len(await self._rows(self._identities_sql.prune_sessions, before, limit))
