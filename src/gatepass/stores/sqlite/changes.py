"""The journal of accounts on SQLite, mixed into the store. Triggers of the schema write its entries."""

import sqlite3
from collections.abc import Sequence

from gatepass.core.hook_facts import AccountChange
from gatepass.stores import rows
from gatepass.stores.sqlite.accounts import Engine

_CHANGE = ", ".join(rows.CHANGE_COLUMNS)
_TAKE_ONE = f"""
UPDATE account_change SET due_at = :until, tries = tries + 1
WHERE number = (SELECT min(number) FROM account_change WHERE account_id = :account_id) AND due_at <= :now
RETURNING {_CHANGE}
"""
_NOTICE = "UPDATE account_change SET noticed_at = ? WHERE noticed_at = 0"
_TAKE = f"""
UPDATE account_change SET due_at = :until, tries = tries + 1
WHERE number IN (
    SELECT number FROM account_change AS entry WHERE due_at <= :now AND noticed_at <= :noticed_before AND NOT EXISTS
        (SELECT 1 FROM account_change WHERE account_id = entry.account_id AND number < entry.number)
    ORDER BY number LIMIT :limit
)
RETURNING {_CHANGE}
"""
_END = "DELETE FROM account_change WHERE number = ? AND tries = ?"
_PUT_OFF = "UPDATE account_change SET due_at = ? WHERE number = ? AND tries = ?"
_PRUNE = """
DELETE FROM account_change
WHERE number IN (SELECT number FROM account_change WHERE noticed_at < ? ORDER BY number LIMIT ?)
"""


class SQLiteChanges:
    """The verbs of ChangeStore."""

    async def take_change(self: Engine, account_id: str, *, now: int, until: int) -> AccountChange | None:
        values = {"account_id": account_id, "now": now, "until": until}
        row = await self._run(lambda connection: connection.execute(_TAKE_ONE, values).fetchone())
        return AccountChange(*row) if row else None

    async def take_changes(
        self: Engine, *, now: int, until: int, noticed_before: int, limit: int
    ) -> Sequence[AccountChange]:
        if await self._read(_is_empty):  # no commit for nothing
            return ()
        values = {"now": now, "until": until, "noticed_before": noticed_before, "limit": limit}

        def take(connection: sqlite3.Connection) -> Sequence[AccountChange]:
            connection.execute(_NOTICE, (now,))
            taken = [AccountChange(*row) for row in connection.execute(_TAKE, values).fetchall()]
            return tuple(sorted(taken, key=lambda change: change.number))

        return await self._atomically(take)

    async def end_change(self: Engine, change: AccountChange) -> None:
        await self._run(lambda connection: connection.execute(_END, (change.number, change.tries)))

    async def put_off_change(self: Engine, change: AccountChange, *, until: int) -> None:
        await self._run(lambda connection: connection.execute(_PUT_OFF, (until, change.number, change.tries)))

    async def prune_changes(self: Engine, *, now: int, before: int, limit: int) -> int:
        if await self._read(_is_empty):
            return 0

        def prune(connection: sqlite3.Connection) -> int:
            connection.execute(_NOTICE, (now,))
            return connection.execute(_PRUNE, (before, limit)).rowcount

        return await self._atomically(prune)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM account_change LIMIT 1").fetchone() is None
