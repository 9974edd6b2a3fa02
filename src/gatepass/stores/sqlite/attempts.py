"""Counts of failed sign-ins on SQLite, mixed into the store: a bounded table, and a count in each account's row."""

import sqlite3
from collections.abc import Sequence
from typing import Protocol

from gatepass.ports import Attempts
from gatepass.stores.limits import MAX_ATTEMPT_KEYS, TRIM_INTERVAL
from gatepass.stores.sqlite.file import Result, Work

_FIND = "SELECT failures, last_at FROM attempt WHERE key = ?"
_COUNT_FAILURE = """
INSERT INTO attempt (key, failures, last_at) VALUES (:key, 1, :now)
ON CONFLICT (key) DO UPDATE
SET last_at = :now, failures = CASE WHEN last_at < :forget_before THEN 1 ELSE failures + 1 END
"""
_FORGET_ATTEMPTS = """
DELETE FROM attempt WHERE key IN (SELECT key FROM attempt ORDER BY last_at LIMIT max(0,
    (SELECT count(*) FROM attempt) - ?))
"""
_TAKE_BACK = (
    "DELETE FROM attempt WHERE key = ? AND failures <= 1",
    "UPDATE attempt SET failures = failures - 1 WHERE key = ?",
)
_CLEAR = "DELETE FROM attempt WHERE key = ?"
_PRUNE = """
DELETE FROM attempt WHERE key IN (SELECT key FROM attempt
    WHERE last_at < :before AND (:keep = '' OR substr(key, 1, length(:keep)) <> :keep) ORDER BY last_at LIMIT :limit)
"""
_FIND_LASTING = (
    "SELECT coalesce(failures, 0), coalesce(failed_at, 0) FROM account WHERE email_key = ? AND deleted_at IS NULL"
)
_COUNT_LASTING = """
UPDATE account SET failed_at = :now,
       failures = CASE WHEN failed_at >= :forget_before THEN coalesce(failures, 0) + 1 ELSE 1 END
WHERE email_key = :email_key AND deleted_at IS NULL
"""
_CLEAR_LASTING = "UPDATE account SET failures = NULL, failed_at = NULL WHERE email_key = ? AND deleted_at IS NULL"
_NEVER = Attempts(0, 0)


class _Engine(Protocol):
    """What these verbs need from the store."""

    _failures: int

    async def _read(self, work: Work[Result]) -> Result: ...

    async def _atomically(self, work: Work[Result]) -> Result: ...


class SQLiteAttempts:
    """The verbs of AttemptStore. Mixed into the store, which runs the work."""

    _failures = 0
    """Counted since the table was last held to its bound."""

    async def attempts(self: _Engine, keys: Sequence[str]) -> Sequence[Attempts]:
        return await self._read(lambda connection: tuple(_find(connection, key) for key in keys))

    async def count_failure(self: _Engine, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        await self._atomically(lambda connection: _count(self, connection, keys, now=now, forget_before=forget_before))

    async def take_back_failure(self: _Engine, key: str) -> None:
        def take_back(connection: sqlite3.Connection) -> None:
            for statement in _TAKE_BACK:
                connection.execute(statement, (key,))

        await self._atomically(take_back)

    async def clear_attempts(self: _Engine, key: str) -> None:
        await self._atomically(lambda connection: connection.execute(_CLEAR, (key,)))

    async def prune_attempts(self: _Engine, *, before: int, keep: str, limit: int) -> int:
        values = {"before": before, "keep": keep, "limit": limit}
        return await self._atomically(lambda connection: connection.execute(_PRUNE, values).rowcount)

    async def lasting_failures(self: _Engine, email_key: str, *, key: str) -> Attempts:
        def find(connection: sqlite3.Connection) -> Attempts:
            row = connection.execute(_FIND_LASTING, (email_key,)).fetchone()
            in_table = _find(connection, key)  # looked for in any case: the same work
            return Attempts(*row) if row else in_table

        return await self._read(find)

    async def count_lasting_failure(self: _Engine, email_key: str, *, key: str, now: int, forget_before: int) -> None:
        values = {"email_key": email_key, "now": now, "forget_before": forget_before}

        def count(connection: sqlite3.Connection) -> None:
            if connection.execute(_COUNT_LASTING, values).rowcount == 0:
                _count(self, connection, [key], now=now, forget_before=forget_before)

        await self._atomically(count)

    async def clear_lasting_failures(self: _Engine, email_key: str, *, key: str) -> None:
        def clear(connection: sqlite3.Connection) -> None:
            connection.execute(_CLEAR, (key,))
            connection.execute(_CLEAR_LASTING, (email_key,))

        await self._atomically(clear)


def _find(connection: sqlite3.Connection, key: str) -> Attempts:
    row = connection.execute(_FIND, (key,)).fetchone()
    return Attempts(*row) if row else _NEVER


def _count(
    engine: _Engine, connection: sqlite3.Connection, keys: Sequence[str], *, now: int, forget_before: int
) -> None:
    """Raise the counts, and hold the table to its bound from time to time."""
    connection.executemany(_COUNT_FAILURE, [{"key": key, "now": now, "forget_before": forget_before} for key in keys])
    engine._failures += len(keys)
    if engine._failures >= TRIM_INTERVAL:
        engine._failures = 0
        connection.execute(_FORGET_ATTEMPTS, (MAX_ATTEMPT_KEYS,))
