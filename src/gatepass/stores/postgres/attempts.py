"""Counts of failed sign-ins on PostgreSQL, mixed into the store: a bounded table, and a count for each account."""

from collections.abc import Sequence

from gatepass.ports import Attempts
from gatepass.stores.limits import MAX_ATTEMPT_KEYS, TRIM_INTERVAL
from gatepass.stores.postgres.accounts import PostgresAccounts


class PostgresAttempts(PostgresAccounts):
    """The verbs of AttemptStore, beside those of the accounts."""

    _failures = 0
    """Counted since the table was held to its bound."""

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        found = {key: Attempts(*rest) for key, *rest in await self._rows(self._sql.attempts, list(keys))}
        return tuple(found.get(key, Attempts(0, 0)) for key in keys)

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        await self._execute(self._sql.count_failure, list(keys), now, forget_before)
        await self._trim(len(keys))

    async def take_back_failure(self, key: str) -> None:
        await self._execute(self._sql.take_back_failure, key)

    async def clear_attempts(self, key: str) -> None:
        await self._execute(self._sql.clear_attempts, key)

    async def prune_attempts(self, *, before: int, keep: str, limit: int) -> int:
        return len(await self._rows(self._sql.prune_attempts, before, keep, limit))

    async def lasting_failures(self, email_key: str, *, key: str) -> Attempts:
        row = await self._row(self._accounts_sql.lasting_failures, email_key, key)
        return Attempts(*row) if row else Attempts(0, 0)

    async def count_lasting_failure(self, email_key: str, *, key: str, now: int, forget_before: int) -> None:
        await self._execute(self._accounts_sql.count_lasting_failure, email_key, key, now, forget_before)
        await self._trim(1)

    async def clear_lasting_failures(self, email_key: str, *, key: str) -> None:
        await self._execute(self._accounts_sql.clear_lasting_failures, email_key, key)

    async def _trim(self, counted: int) -> None:
        """Hold the table of attempts to its bound, after every TRIM_INTERVAL failures."""
        self._failures += counted
        if self._failures >= TRIM_INTERVAL:
            self._failures = 0
            await self._execute(self._sql.forget_attempts, MAX_ATTEMPT_KEYS)
