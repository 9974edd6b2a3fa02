"""The marks of accounts whose claims changed, on PostgreSQL: their SQL and their verbs, mixed into the store.

Two transactions at once may take the same number. That is right: a token with it was made after both calls began, so
its claims were read after both changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatepass.core.claims_mark import EVERYBODY, ClaimsMark, first_number
from gatepass.ports import CLAIMS_CHANGED
from gatepass.stores.postgres.accounts import PostgresAccounts


@dataclass(frozen=True, slots=True)
class ClaimsStatements:
    """The statements for one schema."""

    schema: str
    channel: str

    @property
    def mark(self) -> str:
        """Mark accounts under the next number, and notify.

        The lowest is told: where another transaction has set a higher one for some accounts, the others have this one.
        """
        return f"""
WITH next AS (
    SELECT greatest($2::bigint, coalesce(max(number), 0) + 1) AS number FROM {self.schema}.claims_mark
), marked AS (
    INSERT INTO {self.schema}.claims_mark AS mark (account_id, within, number)
    SELECT DISTINCT account_id, $3::bigint, next.number FROM unnest($1::text[]) AS account_id, next ORDER BY account_id
    ON CONFLICT (account_id, within) DO UPDATE SET number = greatest(mark.number, excluded.number) RETURNING mark.number
)
SELECT min(number), pg_notify('{self.channel}', '{CLAIMS_CHANGED.decode()}') FROM marked"""

    @property
    def number(self) -> str:
        return f"SELECT coalesce(max(number), 0) FROM {self.schema}.claims_mark WHERE account_id IN ($1, '{EVERYBODY}')"

    @property
    def marks(self) -> str:
        """The marks behind one, in their order."""
        return f"""
SELECT number, account_id, within FROM {self.schema}.claims_mark WHERE (number, account_id, within) > ($1, $2, $3)
ORDER BY number, account_id, within LIMIT $4"""

    @property
    def prune(self) -> str:
        """Delete one batch of old marks."""
        table = f"{self.schema}.claims_mark"
        return f"""
DELETE FROM {table} WHERE (account_id, within) IN (
    SELECT account_id, within FROM {table} WHERE number < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING 1"""


class PostgresClaims(PostgresAccounts):
    """The verbs of ClaimsStore, beside those of the accounts."""

    _claims_sql: ClaimsStatements

    async def mark_claims(self, account_ids: Sequence[str], *, now: int, within: int) -> int:
        marked = await self._rows(self._claims_sql.mark, list(account_ids), first_number(now), within)
        return int(marked[0][0])

    async def claims_number(self, account_id: str) -> int:
        return int((await self._rows(self._claims_sql.number, account_id))[0][0])

    async def claims_marks(self, *, above: ClaimsMark, limit: int) -> Sequence[ClaimsMark]:
        return tuple(ClaimsMark(*row) for row in await self._rows(self._claims_sql.marks, *above, limit))

    async def prune_claims_marks(self, *, below: int, limit: int) -> int:
        return len(await self._rows(self._claims_sql.prune, below, limit))
