"""The journal of accounts on PostgreSQL, mixed into the store. A trigger of the schema writes its entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.core.hook_facts import AccountChange
from gatepass.stores import rows
from gatepass.stores.postgres.pool import ConnectionPool

_CHANGE = ", ".join(rows.CHANGE_COLUMNS)


@dataclass(frozen=True, slots=True)
class ChangeStatements:
    """All statements on the journal for one schema."""

    schema: str

    @property
    def is_empty(self) -> str:
        return f"SELECT NOT EXISTS (SELECT 1 FROM {self.schema}.account_change)"

    @property
    def take_one(self) -> str:
        """Hand out the oldest entry of an account. Of two callers at once the second finds it not due."""
        return f"""
UPDATE {self.schema}.account_change SET due_at = $3, tries = tries + 1
WHERE number = (SELECT min(number) FROM {self.schema}.account_change WHERE account_id = $1) AND due_at <= $2
RETURNING {_CHANGE}"""

    @property
    def notice(self) -> str:
        return f"UPDATE {self.schema}.account_change SET noticed_at = $1 WHERE noticed_at = 0"

    @property
    def take(self) -> str:
        """Hand out the oldest entries of accounts; those that another process is handing out are skipped."""
        return f"""
UPDATE {self.schema}.account_change SET due_at = $2, tries = tries + 1
WHERE number IN (
    SELECT number FROM {self.schema}.account_change AS entry
    WHERE due_at <= $1 AND noticed_at BETWEEN 1 AND $3 AND NOT EXISTS (
        SELECT 1 FROM {self.schema}.account_change WHERE account_id = entry.account_id AND number < entry.number
    )
    ORDER BY number LIMIT $4 FOR UPDATE SKIP LOCKED
)
RETURNING {_CHANGE}"""

    @property
    def end(self) -> str:
        return f"DELETE FROM {self.schema}.account_change WHERE number = $1 AND tries = $2"

    @property
    def put_off(self) -> str:
        return f"UPDATE {self.schema}.account_change SET due_at = $3 WHERE number = $1 AND tries = $2"

    @property
    def prune(self) -> str:
        return f"""
DELETE FROM {self.schema}.account_change WHERE number IN (
    SELECT number FROM {self.schema}.account_change WHERE noticed_at BETWEEN 1 AND $1 - 1 ORDER BY number LIMIT $2
    FOR UPDATE SKIP LOCKED
) RETURNING 1"""

    @property
    def keep_extra(self) -> str:
        """Of an account that was added in the same transaction, and therefore has one entry."""
        return f"UPDATE {self.schema}.account_change SET extra = $2 WHERE account_id = $1 AND kind = 'register'"


class PostgresChanges:
    """The verbs of ChangeStore, on the pool of the store."""

    _changes_sql: ChangeStatements
    _pool: ConnectionPool

    async def take_change(self, account_id: str, *, now: int, until: int) -> AccountChange | None:
        found = await self._fetch(self._changes_sql.take_one, account_id, now, until)
        return AccountChange(*found[0]) if found else None

    async def take_changes(self, *, now: int, until: int, noticed_before: int, limit: int) -> Sequence[AccountChange]:
        if await self._has_no_changes():  # no write for nothing
            return ()
        await self._fetch(self._changes_sql.notice, now)
        taken = await self._fetch(self._changes_sql.take, now, until, noticed_before, limit)
        return tuple(sorted((AccountChange(*row) for row in taken), key=lambda change: change.number))

    async def end_change(self, change: AccountChange) -> None:
        await self._fetch(self._changes_sql.end, change.number, change.tries)

    async def put_off_change(self, change: AccountChange, *, until: int) -> None:
        await self._fetch(self._changes_sql.put_off, change.number, change.tries, until)

    async def prune_changes(self, *, now: int, before: int, limit: int) -> int:
        if await self._has_no_changes():
            return 0
        await self._fetch(self._changes_sql.notice, now)
        return len(await self._fetch(self._changes_sql.prune, before, limit))

    async def _has_no_changes(self) -> bool:
        return bool((await self._fetch(self._changes_sql.is_empty))[0][0])

    async def _fetch(self, statement: str, *values: object) -> Sequence[Any]:
        found: Sequence[Any] = await self._pool.run(lambda connection: connection.fetch(statement, *values))
        return found
