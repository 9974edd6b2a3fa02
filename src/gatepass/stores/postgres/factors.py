"""Second factors on PostgreSQL, mixed into the store.

What changes the factors of an account locks the row of the account first, as a sign-in and a change of the password do.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from gatepass.core.factor import FactorRecovery, FactorSummary, Passkey, Totp
from gatepass.stores import rows
from gatepass.stores.postgres.identities import PostgresIdentities

Result = TypeVar("Result")


class PostgresFactors(PostgresIdentities):
    """The verbs of FactorStore, beside those of the identities."""

    async def add_passkey(self, passkey: Passkey, *, credential_version: int, limit: int) -> bool:
        async def add(connection: Any) -> bool:
            if not await self._lock_as_read(connection, passkey.account_id, credential_version):
                return False
            if await connection.fetchval(self._factors_sql.count_passkeys, passkey.account_id) >= limit:
                return False
            values = rows.from_passkey(passkey)
            if await connection.fetchrow(self._factors_sql.add_passkey, *values) is None:
                return False
            await self._end_change(connection, passkey.account_id)
            return True

        return await self._in_transaction(add)

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        row = await self._row(self._factors_sql.find_passkey, credential_id)
        return rows.to_passkey(row) if row else None

    async def list_passkeys(self, account_id: str) -> Sequence[Passkey]:
        return tuple(rows.to_passkey(row) for row in await self._rows(self._factors_sql.list_passkeys, account_id))

    async def rename_passkey(self, passkey_id: str, *, account_id: str, name: str) -> bool:
        return await self._row(self._factors_sql.rename_passkey, passkey_id, account_id, name) is not None

    async def use_passkey(self, credential_id: bytes, *, sign_count: int, is_backed_up: bool, now: int) -> bool:
        return await self._row(self._factors_sql.use_passkey, credential_id, sign_count, is_backed_up, now) is not None

    async def remove_passkey(self, passkey_id: str, *, account_id: str, needs_another: bool) -> bool | None:
        async def remove(connection: Any) -> bool | None:
            await connection.execute(self._factors_sql.lock, account_id)
            own = (passkey_id, account_id)
            if await connection.fetchrow(self._factors_sql.find_own_passkey, *own) is None:
                return None
            if needs_another and await connection.fetchrow(self._factors_sql.other_ways_in, *own) is None:
                return False
            await connection.execute(self._factors_sql.remove_passkey, passkey_id)
            await self._end_change(connection, account_id)
            return True

        return await self._in_transaction(remove)

    async def put_totp(self, totp: Totp, *, credential_version: int) -> bool:
        return await self._row(self._factors_sql.put_totp, *rows.from_totp(totp), credential_version) is not None

    async def find_totp(self, account_id: str) -> Totp | None:
        row = await self._row(self._factors_sql.find_totp, account_id)
        return Totp(*row) if row else None

    async def confirm_totp(
        self,
        account_id: str,
        *,
        sealed: bytes,
        step: int,
        recovery_codes: Sequence[bytes],
        credential_version: int,
        now: int,
    ) -> bool:
        async def confirm(connection: Any) -> bool:
            if not await self._lock_as_read(connection, account_id, credential_version):
                return False
            if await connection.fetchrow(self._factors_sql.confirm_totp, account_id, sealed, now, step) is None:
                return False
            await self._set_codes(connection, account_id, recovery_codes, now)
            return True

        return await self._in_transaction(confirm)

    async def use_totp(self, account_id: str, *, step: int) -> bool:
        return await self._row(self._factors_sql.use_totp, account_id, step) is not None

    async def remove_totp(self, account_id: str, *, credential_version: int) -> bool:
        async def remove(connection: Any) -> bool:
            if await connection.fetchrow(self._factors_sql.lock_version, account_id, credential_version) is None:
                return False
            if await connection.fetchrow(self._factors_sql.remove_totp, account_id) is None:
                return False
            await self._end_change(connection, account_id)
            return True

        return await self._in_transaction(remove)

    async def list_totps_under(self, *, key_id: int, after: str, limit: int) -> Sequence[Totp]:
        found = await self._rows(self._factors_sql.totps_under, bytes([key_id]), after, limit)
        return tuple(Totp(*row) for row in found)

    async def reseal_totp(self, account_id: str, *, before: bytes, after: bytes) -> bool:
        return await self._row(self._factors_sql.reseal_totp, account_id, before, after) is not None

    async def set_recovery_codes(
        self, account_id: str, digests: Sequence[bytes], *, credential_version: int, now: int
    ) -> bool:
        async def put(connection: Any) -> bool:
            if not await self._lock_as_read(connection, account_id, credential_version):
                return False
            if not FactorSummary(*await connection.fetchrow(self._factors_sql.summary, account_id)).has_second:
                return False
            await self._set_codes(connection, account_id, digests, now)
            return True

        return await self._in_transaction(put)

    async def use_recovery_code(self, account_id: str, digest: bytes, *, now: int) -> int | None:
        async def use(connection: Any) -> int | None:
            if await connection.fetchrow(self._factors_sql.use_code, account_id, digest, now) is None:
                return None
            return int(await connection.fetchval(self._factors_sql.count_codes, account_id))

        return await self._in_transaction(use)

    async def factors(self, account_id: str) -> FactorSummary:
        return FactorSummary(*await self._row(self._factors_sql.summary, account_id))

    async def set_enrol_by(self, account_id: str, at: int) -> int:
        row = await self._row(self._factors_sql.set_enrol_by, account_id, at)
        return int(row[0]) if row else at

    async def reset_factors(self, account_id: str) -> bool:
        async def reset(connection: Any) -> bool:
            if await connection.fetchrow(self._factors_sql.lock, account_id) is None:
                return False
            await self._reset(connection, account_id)
            return True

        return await self._in_transaction(reset)

    async def start_factor_recovery(
        self, account_id: str, *, credential_version: int, ready_at: int, now: int
    ) -> FactorRecovery | None:
        async def start(connection: Any) -> FactorRecovery | None:
            if not await self._lock_as_read(connection, account_id, credential_version):
                return None
            if not FactorSummary(*await connection.fetchrow(self._factors_sql.summary, account_id)).has_second:
                return None
            await connection.execute(self._factors_sql.start_recovery, account_id, now, ready_at)
            return FactorRecovery(*await connection.fetchrow(self._factors_sql.find_recovery, account_id))

        return await self._in_transaction(start)

    async def find_factor_recovery(self, account_id: str) -> FactorRecovery | None:
        row = await self._row(self._factors_sql.find_recovery, account_id)
        return FactorRecovery(*row) if row else None

    async def cancel_factor_recovery(self, account_id: str) -> bool:
        return await self._row(self._factors_sql.cancel_recovery, account_id) is not None

    async def end_factor_recovery(self, account_id: str, *, now: int) -> bool:
        async def end(connection: Any) -> bool:
            await connection.execute(self._factors_sql.lock, account_id)
            row = await connection.fetchrow(self._factors_sql.find_recovery, account_id)
            if row is None or FactorRecovery(*row).ready_at > now:
                return False
            await self._reset(connection, account_id)
            return True

        return await self._in_transaction(end)

    async def prune_factor_recoveries(self, *, before: int, limit: int) -> int:
        return len(await self._rows(self._factors_sql.prune_recoveries, before, limit))

    async def use_once(self, key: bytes, *, until: int, now: int) -> bool:
        return await self._row(self._factors_sql.use_once, key, until, now) is not None

    async def prune_used(self, *, before: int, limit: int) -> int:
        return len(await self._rows(self._factors_sql.prune_used, before, limit))

    async def _lock_as_read(self, connection: Any, account_id: str, credential_version: int) -> bool:
        return await connection.fetchrow(self._factors_sql.lock_as_read, account_id, credential_version) is not None

    async def _end_change(self, connection: Any, account_id: str) -> None:
        for statement in self._factors_sql.end_change:
            await connection.execute(statement, account_id)

    async def _set_codes(self, connection: Any, account_id: str, digests: Sequence[bytes], now: int) -> None:
        await connection.execute(self._factors_sql.drop_codes, account_id)
        await connection.execute(self._factors_sql.add_codes, account_id, list(digests), now)
        await self._end_change(connection, account_id)

    async def _reset(self, connection: Any, account_id: str) -> None:
        await self._end_change(connection, account_id)
        for statement in self._factors_sql.drop_all:
            await connection.execute(statement, account_id)

    async def _in_transaction(self, work: Callable[[Any], Awaitable[Result]]) -> Result:
        async def run(connection: Any) -> Result:
            async with connection.transaction():
                return await work(connection)

        return await self._pool.run(run)
