"""The marks of accounts whose claims changed, on SQLite, mixed into the store."""

import sqlite3
from collections.abc import Sequence

from gatepass.core.claims_mark import EVERYBODY, ClaimsMark, first_number
from gatepass.stores.sqlite.accounts import Engine

_NEXT = "SELECT max(?, coalesce((SELECT max(number) FROM claims_mark), 0) + 1)"
_MARK = """
INSERT INTO claims_mark (account_id, within, number) VALUES (?, ?, ?)
ON CONFLICT (account_id, within) DO UPDATE SET number = excluded.number
"""
_NUMBER = "SELECT coalesce(max(number), 0) FROM claims_mark WHERE account_id IN (?, ?)"
_MARKS = """
SELECT number, account_id, within FROM claims_mark WHERE (number, account_id, within) > (?, ?, ?)
ORDER BY number, account_id, within LIMIT ?
"""
_PRUNE = """
DELETE FROM claims_mark WHERE (account_id, within) IN (
    SELECT account_id, within FROM claims_mark WHERE number < ? LIMIT ?
)
"""


class SQLiteClaims:
    """The verbs of ClaimsStore. Mixed into the store, which runs the work."""

    async def mark_claims(self: Engine, account_ids: Sequence[str], *, now: int, within: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            number: int = connection.execute(_NEXT, (first_number(now),)).fetchone()[0]
            connection.executemany(_MARK, [(account_id, within, number) for account_id in account_ids])
            return number

        return await self._atomically(work)

    async def claims_number(self: Engine, account_id: str) -> int:
        found = await self._read(lambda connection: connection.execute(_NUMBER, (account_id, EVERYBODY)).fetchone())
        return int(found[0])

    async def claims_marks(self: Engine, *, above: ClaimsMark, limit: int) -> Sequence[ClaimsMark]:
        found = await self._read(lambda connection: connection.execute(_MARKS, (*above, limit)).fetchall())
        return tuple(map(ClaimsMark._make, found))

    async def prune_claims_marks(self: Engine, *, below: int, limit: int) -> int:
        return await self._run(lambda connection: connection.execute(_PRUNE, (below, limit)).rowcount)
