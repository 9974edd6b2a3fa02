"""Identities on SQLite, and the sessions that began at a provider: mixed into the store."""

import sqlite3
from collections.abc import Sequence

from gatepass.core.account import NO_PASSWORD, Account
from gatepass.core.identity import LinkedIdentity, ProviderSession
from gatepass.stores import rows
from gatepass.stores.sqlite.accounts import Engine, insert_account
from gatepass.stores.sqlite.writer import Durability

_IDENTITY = ", ".join(rows.IDENTITY_COLUMNS)
_PLACES = ", ".join("?" * len(rows.IDENTITY_COLUMNS))
_SESSION = ", ".join(rows.PROVIDER_SESSION_COLUMNS)
_ADD = f"""
INSERT INTO identity ({_IDENTITY}) SELECT {_PLACES} WHERE EXISTS (
    SELECT 1 FROM account WHERE id = ? AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = ?
) ON CONFLICT DO NOTHING
"""
_IS_TAKEN = "SELECT 1 FROM identity WHERE id = ? OR (issuer = ? AND subject = ?)"
_INSERT = f"INSERT INTO identity ({_IDENTITY}) VALUES ({_PLACES})"
_USE = f"""
UPDATE identity SET provider = ?, email = ?, last_used_at = ? WHERE issuer = ? AND subject = ? RETURNING {_IDENTITY}
"""
_LIST = f"SELECT {_IDENTITY} FROM identity WHERE account_id = ? ORDER BY created_at, id"
_OTHER_WAYS_IN = f"""
SELECT 1 FROM identity WHERE account_id = :account AND id <> :id
UNION ALL SELECT 1 FROM passkey WHERE account_id = :account
UNION ALL SELECT 1 FROM account WHERE id = :account AND password_hash NOT IN ('', '{NO_PASSWORD}')
"""
_ADD_SESSION = f"""
INSERT INTO provider_session ({_SESSION}) SELECT {", ".join("?" * len(rows.PROVIDER_SESSION_COLUMNS))}
WHERE EXISTS (SELECT 1 FROM account WHERE id = ? AND deleted_at IS NULL)
"""
_FIND_SESSION = f"SELECT {_SESSION} FROM provider_session WHERE sid = ?"
_END_SESSIONS = """
UPDATE provider_session SET ended_at = coalesce(ended_at, :now)
WHERE issuer = :issuer AND issued_at <= :issued_by AND {} RETURNING sid
"""
_PRUNE = """
DELETE FROM provider_session
WHERE sid IN (SELECT sid FROM provider_session WHERE expires_at < ? ORDER BY expires_at LIMIT ?)
"""


class SQLiteIdentities:
    """The verbs of IdentityStore. Mixed into the store, which runs the work."""

    async def add_identity(self: Engine, identity: LinkedIdentity, *, credential_version: int) -> bool:
        values = (*rows.from_identity(identity), identity.account_id, credential_version)
        return await self._run(lambda connection: connection.execute(_ADD, values).rowcount == 1)

    async def add_account_of(self: Engine, account: Account, identity: LinkedIdentity) -> bool:
        def add(connection: sqlite3.Connection) -> bool:
            taken = connection.execute(_IS_TAKEN, (identity.id, identity.issuer, identity.subject)).fetchone()
            if taken is not None or not insert_account(connection, account):
                return False
            connection.execute(_INSERT, rows.from_identity(identity))
            return True

        return await self._atomically(add)

    async def use_identity(
        self: Engine, issuer: str, subject: str, *, provider: str, email: str, now: int
    ) -> LinkedIdentity | None:
        values = (provider, email, now, issuer, subject)
        row = await self._run(lambda connection: connection.execute(_USE, values).fetchone())
        return LinkedIdentity(*row) if row else None

    async def list_identities(self: Engine, account_id: str) -> Sequence[LinkedIdentity]:
        found = await self._read(lambda connection: connection.execute(_LIST, (account_id,)).fetchall())
        return tuple(LinkedIdentity(*row) for row in found)

    async def remove_identity(self: Engine, identity_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        values = {"id": identity_id, "account": account_id}

        def remove(connection: sqlite3.Connection) -> bool | None:
            own = "FROM identity WHERE id = :id AND account_id = :account"
            if connection.execute(f"SELECT 1 {own}", values).fetchone() is None:
                return None
            if needs_another and connection.execute(_OTHER_WAYS_IN, values).fetchone() is None:
                return False
            connection.execute(f"DELETE {own}", values)
            connection.execute(
                "UPDATE account SET credential_version = credential_version + 1 WHERE id = :account", values
            )
            return True

        return await self._atomically(remove, durability=Durability.ERASE)

    async def add_provider_session(self: Engine, began: ProviderSession) -> None:
        values = (*rows.from_provider_session(began), began.account_id)
        await self._run(lambda connection: connection.execute(_ADD_SESSION, values))

    async def find_provider_session(self: Engine, sid: bytes) -> ProviderSession | None:
        row = await self._read(lambda connection: connection.execute(_FIND_SESSION, (sid,)).fetchone())
        return ProviderSession(*row) if row else None

    async def end_provider_sessions(
        self: Engine, issuer: str, *, subject: str | None, provider_sid: str | None, issued_by: int, now: int
    ) -> Sequence[bytes]:
        condition = rows.provider_session_condition(subject=subject, provider_sid=provider_sid)
        statement = _END_SESSIONS.format(condition.format(subject=":subject", sid=":sid"))
        values = {"issuer": issuer, "subject": subject, "sid": provider_sid, "issued_by": issued_by, "now": now}
        ended = await self._run(lambda connection: connection.execute(statement, values).fetchall())
        return tuple(sid for (sid,) in ended)

    async def prune_provider_sessions(self: Engine, *, before: int, limit: int) -> int:
        return await self._run(lambda connection: connection.execute(_PRUNE, (before, limit)).rowcount)
