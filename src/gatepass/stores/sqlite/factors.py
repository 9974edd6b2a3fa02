"""Second factors on SQLite, mixed into the store."""

import sqlite3
from collections.abc import Sequence

from gatepass.core.account import NO_PASSWORD
from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp
from gatepass.stores import rows
from gatepass.stores.sqlite.accounts import DROP_FACTORS, DROP_NEEDLESS_CODES, Engine
from gatepass.stores.sqlite.writer import Durability

_PASSKEY = ", ".join(rows.PASSKEY_COLUMNS)
_TOTP = ", ".join(rows.TOTP_COLUMNS)
_IS_AS_READ = """
SELECT 1 FROM account WHERE id = ? AND disabled_at IS NULL AND deleted_at IS NULL AND credential_version = ?
"""
_END_CHANGE = (
    "UPDATE account SET credential_version = credential_version + 1 WHERE id = :id",
    "DELETE FROM factor_recovery WHERE account_id = :id",
    DROP_NEEDLESS_CODES,
)
"""What every change of factors does at its end."""
_ADD_PASSKEY = f"""
INSERT INTO passkey ({_PASSKEY}) VALUES ({", ".join("?" * len(rows.PASSKEY_COLUMNS))}) ON CONFLICT DO NOTHING
"""
_USE_PASSKEY = """
UPDATE passkey SET sign_count = :count, is_backed_up = :is_backed_up, last_used_at = :now
WHERE credential_id = :id AND (:count > sign_count OR (:count = 0 AND sign_count = 0))
"""
_OTHER_WAYS_IN = f"""
SELECT 1 FROM passkey WHERE account_id = :account AND id <> :id
UNION ALL SELECT 1 FROM identity WHERE account_id = :account
UNION ALL SELECT 1 FROM account WHERE id = :account AND password_hash NOT IN ('', '{NO_PASSWORD}')
"""
_PUT_TOTP = f"""
INSERT INTO totp ({_TOTP}) SELECT {", ".join("?" * len(rows.TOTP_COLUMNS))} WHERE EXISTS ({_IS_AS_READ})
ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at
WHERE totp.confirmed_at IS NULL
"""
_CONFIRM_TOTP = """
UPDATE totp SET confirmed_at = ?, last_step = ? WHERE account_id = ? AND sealed = ? AND confirmed_at IS NULL
"""
_USE_TOTP = """
UPDATE totp SET last_step = :step WHERE account_id = :id AND confirmed_at IS NOT NULL AND last_step < :step
"""
_REMOVE_TOTP = """
DELETE FROM totp WHERE account_id = ? AND EXISTS (SELECT 1 FROM account WHERE id = ? AND credential_version = ?)
"""
_UNDER_KEY = f"SELECT {_TOTP} FROM totp WHERE substr(sealed, 1, 1) = ? AND account_id > ? ORDER BY account_id LIMIT ?"
_USE_CODE = "UPDATE recovery_code SET used_at = ? WHERE account_id = ? AND digest = ? AND used_at IS NULL"
_COUNT_CODES = "SELECT count(*) FROM recovery_code WHERE account_id = ? AND used_at IS NULL"
_SUMMARY = """
SELECT (SELECT count(*) FROM passkey WHERE account_id = :id),
       EXISTS (SELECT 1 FROM totp WHERE account_id = :id AND confirmed_at IS NOT NULL),
       (SELECT count(*) FROM recovery_code WHERE account_id = :id AND used_at IS NULL),
       (SELECT enrol_by FROM account WHERE id = :id)
"""
_SET_ENROL_BY = """
UPDATE account SET enrol_by = coalesce(enrol_by, ?) WHERE id = ? AND deleted_at IS NULL RETURNING enrol_by
"""
_FIND_RECOVERY = "SELECT account_id, requested_at, ready_at FROM factor_recovery WHERE account_id = ?"
_START_RECOVERY = (
    "INSERT INTO factor_recovery (account_id, requested_at, ready_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)
_PRUNE_RECOVERIES = """
DELETE FROM factor_recovery
WHERE account_id IN (SELECT account_id FROM factor_recovery WHERE ready_at < ? ORDER BY ready_at LIMIT ?)
"""
_USE_ONCE = """
INSERT INTO used_key (key, until) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE used_key.until < ?
"""
_PRUNE_USED = "DELETE FROM used_key WHERE key IN (SELECT key FROM used_key WHERE until < ? ORDER BY until LIMIT ?)"


class SQLiteFactors:
    """The verbs of FactorStore. Mixed into the store, which runs the work."""

    async def add_passkey(self: Engine, passkey: Passkey, *, credential_version: int, limit: int) -> bool:
        account_id, values = passkey.account_id, rows.from_passkey(passkey)

        def add(connection: sqlite3.Connection) -> bool:
            count = connection.execute("SELECT count(*) FROM passkey WHERE account_id = ?", (account_id,)).fetchone()
            if not _is_as_read(connection, account_id, credential_version) or count[0] >= limit:
                return False
            if connection.execute(_ADD_PASSKEY, values).rowcount == 0:
                return False
            _end_change(connection, account_id)
            return True

        return await self._atomically(add)

    async def find_passkey(self: Engine, credential_id: bytes) -> Passkey | None:
        statement = f"SELECT {_PASSKEY} FROM passkey WHERE credential_id = ?"
        row = await self._read(lambda connection: connection.execute(statement, (credential_id,)).fetchone())
        return rows.to_passkey(row) if row else None

    async def list_passkeys(self: Engine, account_id: str) -> Sequence[Passkey]:
        statement = f"SELECT {_PASSKEY} FROM passkey WHERE account_id = ? ORDER BY created_at, id"
        found = await self._read(lambda connection: connection.execute(statement, (account_id,)).fetchall())
        return tuple(rows.to_passkey(row) for row in found)

    async def rename_passkey(self: Engine, passkey_id: str, *, account_id: str, name: str) -> bool:
        statement, values = (
            "UPDATE passkey SET name = ? WHERE id = ? AND account_id = ?",
            (name, passkey_id, account_id),
        )
        return await self._run(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def use_passkey(self: Engine, credential_id: bytes, *, sign_count: int, is_backed_up: bool, now: int) -> bool:
        values = {"id": credential_id, "count": sign_count, "is_backed_up": int(is_backed_up), "now": now}
        return await self._run(lambda connection: connection.execute(_USE_PASSKEY, values).rowcount == 1)

    async def remove_passkey(self: Engine, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        values = {"id": passkey_id, "account": account_id}

        def remove(connection: sqlite3.Connection) -> bool | None:
            own = "FROM passkey WHERE id = :id AND account_id = :account"
            if connection.execute(f"SELECT 1 {own}", values).fetchone() is None:
                return None
            if needs_another and connection.execute(_OTHER_WAYS_IN, values).fetchone() is None:
                return False
            connection.execute(f"DELETE {own}", values)
            _end_change(connection, account_id)
            return True

        return await self._atomically(remove, durability=Durability.ERASE)

    async def put_totp(self: Engine, totp: Totp, *, credential_version: int) -> bool:
        values = (*rows.from_totp(totp), totp.account_id, credential_version)
        return await self._run(lambda connection: connection.execute(_PUT_TOTP, values).rowcount == 1)

    async def find_totp(self: Engine, account_id: str) -> Totp | None:
        statement = f"SELECT {_TOTP} FROM totp WHERE account_id = ?"
        row = await self._read(lambda connection: connection.execute(statement, (account_id,)).fetchone())
        return Totp(*row) if row else None

    async def confirm_totp(
        self: Engine,
        account_id: str,
        *,
        sealed: bytes,
        step: int,
        recovery_codes: Sequence[bytes],
        credential_version: int,
        now: int,
    ) -> bool:
        def confirm(connection: sqlite3.Connection) -> bool:
            if not _is_as_read(connection, account_id, credential_version):
                return False
            if connection.execute(_CONFIRM_TOTP, (now, step, account_id, sealed)).rowcount == 0:
                return False
            _set_codes(connection, account_id, recovery_codes, now)
            return True

        return await self._atomically(confirm)

    async def use_totp(self: Engine, account_id: str, *, step: int) -> bool:
        values = {"id": account_id, "step": step}
        return await self._run(lambda connection: connection.execute(_USE_TOTP, values).rowcount == 1)

    async def remove_totp(self: Engine, account_id: str, *, credential_version: int) -> bool:
        values = (account_id, account_id, credential_version)

        def remove(connection: sqlite3.Connection) -> bool:
            if connection.execute(_REMOVE_TOTP, values).rowcount == 0:
                return False
            _end_change(connection, account_id)
            return True

        return await self._atomically(remove, durability=Durability.ERASE)

    async def list_totps_under(self: Engine, *, key_id: int, after: str, limit: int) -> Sequence[Totp]:
        values = (bytes([key_id]), after, limit)
        found = await self._read(lambda connection: connection.execute(_UNDER_KEY, values).fetchall())
        return tuple(Totp(*row) for row in found)

    async def reseal_totp(self: Engine, account_id: str, *, before: bytes, after: bytes) -> bool:
        statement, values = (
            "UPDATE totp SET sealed = ? WHERE account_id = ? AND sealed = ?",
            (after, account_id, before),
        )
        return await self._run(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def set_recovery_codes(
        self: Engine, account_id: str, digests: Sequence[bytes], *, credential_version: int, now: int
    ) -> bool:
        def put(connection: sqlite3.Connection) -> bool:
            if not _is_as_read(connection, account_id, credential_version):
                return False
            if not _summary(connection, account_id).has_second:
                return False
            _set_codes(connection, account_id, digests, now)
            return True

        return await self._atomically(put, durability=Durability.ERASE)

    async def use_recovery_code(self: Engine, account_id: str, digest: bytes, *, now: int) -> int | None:
        def use(connection: sqlite3.Connection) -> int | None:
            if connection.execute(_USE_CODE, (now, account_id, digest)).rowcount == 0:
                return None
            return int(connection.execute(_COUNT_CODES, (account_id,)).fetchone()[0])

        return await self._atomically(use)

    async def factors(self: Engine, account_id: str) -> FactorSummary:
        return await self._read(lambda connection: _summary(connection, account_id))

    async def set_enrol_by(self: Engine, account_id: str, at: int) -> int:
        row = await self._run(lambda connection: connection.execute(_SET_ENROL_BY, (at, account_id)).fetchone())
        return int(row[0]) if row else at

    async def reset_factors(self: Engine, account_id: str) -> bool:
        return await self._atomically(lambda connection: _reset(connection, account_id), durability=Durability.ERASE)

    async def start_factor_recovery(
        self: Engine, account_id: str, *, credential_version: int, ready_at: int, now: int
    ) -> FactorRecovery | None:
        def start(connection: sqlite3.Connection) -> FactorRecovery | None:
            if not _is_as_read(connection, account_id, credential_version):
                return None
            if not _summary(connection, account_id).has_second:
                return None
            connection.execute(_START_RECOVERY, (account_id, now, ready_at))
            return FactorRecovery(*connection.execute(_FIND_RECOVERY, (account_id,)).fetchone())

        return await self._atomically(start)

    async def find_factor_recovery(self: Engine, account_id: str) -> FactorRecovery | None:
        row = await self._read(lambda connection: connection.execute(_FIND_RECOVERY, (account_id,)).fetchone())
        return FactorRecovery(*row) if row else None

    async def cancel_factor_recovery(self: Engine, account_id: str) -> bool:
        statement = "DELETE FROM factor_recovery WHERE account_id = ?"
        return await self._run(lambda connection: connection.execute(statement, (account_id,)).rowcount == 1)

    async def end_factor_recovery(self: Engine, account_id: str, *, now: int) -> bool:
        ready = "SELECT 1 FROM factor_recovery WHERE account_id = ? AND ready_at <= ?"

        def end(connection: sqlite3.Connection) -> bool:
            is_ready = connection.execute(ready, (account_id, now)).fetchone() is not None
            return is_ready and _reset(connection, account_id)

        return await self._atomically(end, durability=Durability.ERASE)

    async def prune_factor_recoveries(self: Engine, *, before: int, limit: int) -> int:
        return await self._run(lambda connection: connection.execute(_PRUNE_RECOVERIES, (before, limit)).rowcount)

    async def use_once(self: Engine, key: bytes, *, until: int, now: int) -> bool:
        return await self._run(lambda connection: connection.execute(_USE_ONCE, (key, until, now)).rowcount == 1)

    async def prune_used(self: Engine, *, before: int, limit: int) -> int:
        return await self._run(lambda connection: connection.execute(_PRUNE_USED, (before, limit)).rowcount)


def _is_as_read(connection: sqlite3.Connection, account_id: str, credential_version: int) -> bool:
    return connection.execute(_IS_AS_READ, (account_id, credential_version)).fetchone() is not None


def _end_change(connection: sqlite3.Connection, account_id: str) -> None:
    for statement in _END_CHANGE:
        connection.execute(statement, {"id": account_id})


def _set_codes(connection: sqlite3.Connection, account_id: str, digests: Sequence[bytes], now: int) -> None:
    connection.execute("DELETE FROM recovery_code WHERE account_id = ?", (account_id,))
    codes = [(account_id, digest, now) for digest in digests]
    connection.executemany("INSERT INTO recovery_code (account_id, digest, created_at) VALUES (?, ?, ?)", codes)
    _end_change(connection, account_id)


def _summary(connection: sqlite3.Connection, account_id: str) -> FactorSummary:
    passkeys, has_totp, codes, enrol_by = connection.execute(_SUMMARY, {"id": account_id}).fetchone()
    return FactorSummary(passkeys, bool(has_totp), codes, enrol_by)


def _reset(connection: sqlite3.Connection, account_id: str) -> bool:
    live = "SELECT 1 FROM account WHERE id = ? AND deleted_at IS NULL"
    if connection.execute(live, (account_id,)).fetchone() is None:
        return False
    _end_change(connection, account_id)
    for statement in DROP_FACTORS:
        connection.execute(statement, (account_id,))
    return True
