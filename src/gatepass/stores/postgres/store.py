"""The store on PostgreSQL: which statement each verb runs. For any number of servers.

A refresh is one UPDATE of one row, which shares its round trip and commit with others (`swap_batches.py`). The SQL is
in `statements.py`, the connections are in `pool.py`. The tables have a schema of their own: their names cannot collide
with those of the application, its migration tool does not see them, and one GRANT covers them. `gatepass migrate` makes
them, never a server: the role of a server needs SELECT, INSERT, UPDATE and DELETE on them and nothing else.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey
from gatepass.errors import ConfigurationError
from gatepass.ports import Revocation, Subscription
from gatepass.stores import migrations, rows
from gatepass.stores.deadline import in_time
from gatepass.stores.doorbell import Silence
from gatepass.stores.postgres.account_statements import AccountStatements
from gatepass.stores.postgres.attempts import PostgresAttempts
from gatepass.stores.postgres.changes import ChangeStatements, PostgresChanges
from gatepass.stores.postgres.claims import ClaimsStatements, PostgresClaims
from gatepass.stores.postgres.factor_statements import FactorStatements
from gatepass.stores.postgres.factors import PostgresFactors
from gatepass.stores.postgres.identity_statements import IdentityStatements
from gatepass.stores.postgres.listener import POLL_INTERVAL, listening
from gatepass.stores.postgres.pool import (
    COMMAND_TIMEOUT,
    DRIVER_ERRORS,
    ConnectionPool,
    close_connection,
    raise_unavailable,
)
from gatepass.stores.postgres.statements import Statements
from gatepass.stores.postgres.swap_batches import Row, RowsLocked, SwapBatcher
from gatepass.stores.postgres.url import parse_url

_NEVER = 2**62
_RACES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""The batch lost against a transaction with another order of locks or another isolation level, or one that holds a row
for long. Nothing was done."""
_FORGETS = (
    "synchronous_commit is off: a crash could undo a sign-out that was acknowledged. Switch it on, or add "
    "synchronous_commit=local to the URL. synchronous_commit=off in the URL accepts the risk."
)
_SID = 6
"""The place of the sid among the values of a swap."""


class PostgresStore(PostgresFactors, PostgresChanges, PostgresAttempts, PostgresClaims):
    """All store ports on one PostgreSQL database. For one event loop: the one that opened it."""

    is_shared = True
    is_private = False

    def __init__(self, url: str) -> None:
        """`url` is described in `url.py`. Raises ConfigurationError."""
        self._url = parse_url(url)
        schema = self._url.schema
        self._sql, self._accounts_sql = Statements(schema), AccountStatements(schema)
        self._factors_sql = FactorStatements(schema)
        self._identities_sql, self._changes_sql = IdentityStatements(schema), ChangeStatements(schema)
        self._claims_sql = ClaimsStatements(schema, self._sql.channel)
        self._pool = ConnectionPool(self._url)
        self._swaps = SwapBatcher(self._send, spawn=self._pool.spawn)
        self._swap_sql = self._sql.swap

    def __repr__(self) -> str:
        return f"PostgresStore({self._url.display})"

    async def open(self) -> None:
        if self._pool.is_open:
            return
        connection = await self._pool.connect(command_timeout=COMMAND_TIMEOUT)
        try:
            self._check(await connection.fetchrow(self._sql.server_state))
            if missing := await migrations.missing(connection, self._url.schema):
                names = ", ".join(migration.name for migration in missing)
                raise ConfigurationError(f"The database lacks {names}. Run: gatepass migrate")
            # What was granted before a migration lacks its tables.
            await connection.fetch(self._sql.revoked_since, _NEVER)
            await connection.fetch(self._sql.epoch)
            await connection.fetch(self._identities_sql.list_own, "")
            await connection.fetch(self._changes_sql.is_empty)
            await connection.fetch(self._claims_sql.number, "")
        except asyncpg.InsufficientPrivilegeError as refusal:
            raise ConfigurationError(
                f"{refusal.args[0]}: GRANT USAGE ON SCHEMA {self._url.schema}, and "
                f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {self._url.schema} to the server's role."
            ) from None
        except DRIVER_ERRORS as fault:
            raise_unavailable(fault)
        finally:
            await close_connection(connection)
        self._pool.open()
        self._swaps = SwapBatcher(self._send, spawn=self._pool.spawn)

    async def close(self) -> None:
        self._swaps.dispatch()
        await self._pool.close()

    async def migrate(self) -> Sequence[str]:
        return await self._on_schema(migrations.migrate_postgres)

    async def pending(self) -> Sequence[str]:
        return await self._on_schema(migrations.missing)

    def script(self, *, since: int) -> str:
        return migrations.script(self._url.schema, since=since)

    async def ping(self) -> None:
        await self._execute(self._sql.ping)

    async def hazards(self) -> Sequence[str]:
        row = await self._row("SELECT current_setting('synchronous_commit')")
        # A role's or a database's setting holds for connections that are made after it was changed.
        forgets = "off" in (row[0], self._pool.newest_commit) and not self._url.chose_commit
        return (_FORGETS,) if forgets else ()

    async def add(self, session: Session, *, credential_version: int) -> bool:
        values = (*rows.from_session(session), session.account_id, credential_version)
        return await self._row(self._sql.add, *values) is not None

    async def find(self, sid: bytes) -> Session | None:
        row = await self._row(self._sql.find, sid)
        return rows.to_session(row) if row else None

    async def swap(self, swap: Swap) -> Session | None:
        self._pool.check_open()
        with in_time():
            row = await self._swaps.put(swap)
        return rows.to_session(row) if row else None

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        return await self._row(self._sql.set_device, sid, key, since, now) is not None

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        row = await self._row(self._sql.revoke, now, reason, sid)
        if row is None:  # an earlier call revoked it, and was perhaps not acknowledged
            await self._seal()
            return None
        return rows.to_session(tuple(row)[:-1])

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        revoked = await self._rows(self._sql.revoke_all, now, reason, account_id, keep)
        if not revoked:
            await self._seal()
        return tuple(row[0] for row in revoked)

    async def bury(self, sid: bytes, *, now: int) -> None:
        await self._execute(self._sql.bury, sid, now)

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        return tuple(rows.to_session(row) for row in await self._rows(self._sql.list_for_account, account_id, now))

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        async def read(connection: Any) -> Sequence[Any]:
            # A primary that was cut off and replaced would go on answering. One whose commit still reaches its standby
            # had all revocations that were acknowledged when it was read.
            async with connection.transaction():
                found: Sequence[Any] = await connection.fetch(self._sql.revoked_since, since)
                await connection.execute(self._sql.seal)
            return found

        return tuple(Revocation(*row) for row in await self._pool.run(read))

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        return tuple(Revocation(*row) for row in await self._rows(self._sql.revoked_among, list(sids)))

    async def time(self) -> int | None:
        return int((await self._rows(self._sql.time))[0][0])

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        if self._url.is_pooled:
            return nullcontext(Silence(POLL_INTERVAL))
        return listening(self._pool, self._sql.channel)

    async def prune(self, *, before: int, limit: int) -> int:
        async def work(connection: Any) -> int:
            # One transaction, and one at a time: the last session of a deleted account takes its row along.
            async with connection.transaction():
                await connection.execute(self._sql.lock_prune)
                owners = [row[0] for row in await connection.fetch(self._sql.prune, before, limit)]
                if owners:
                    await connection.execute(self._accounts_sql.drop_deleted, sorted(set(owners)))
            return len(owners)

        count = await self._pool.run(work)
        if count == limit:
            return limit
        return count + len(await self._rows(self._sql.prune_tombstones, before, limit - count))

    async def signing_keys(self) -> Sequence[StoredKey]:
        return tuple(rows.to_signing_key(row) for row in await self._rows(self._sql.signing_keys))

    async def put_signing_key(self, key: StoredKey) -> None:
        await self._rows(self._sql.put_signing_key, *rows.from_signing_key(key))

    async def _seal(self) -> None:
        """Wait for a commit: a statement that changed nothing waits for no synchronous standby."""
        await self._execute(self._sql.seal)

    async def epoch(self) -> int:
        row = await self._row(self._sql.epoch)
        return int(row[0]) if row else 0

    async def raise_epoch(self, at: int) -> int:
        return int((await self._rows(self._sql.raise_epoch, at))[0][0])

    async def _send(self, swaps: Sequence[Swap]) -> Sequence[Row]:
        """Apply a batch in one transaction, or swap by swap if the batch lost against another transaction."""
        values = [_values(swap) for swap in swaps]

        async def work(connection: Any) -> Sequence[Row]:
            if len(values) == 1:
                return await self._send_each(connection, values)
            try:
                found: Sequence[Row] = await connection.fetchmany(self._swap_sql, values)
            except _RACES:
                found = await self._send_each(connection, values)
            return found

        return await self._pool.run_in_caller(work)

    async def _send_each(self, connection: Any, values: Sequence[tuple[object, ...]]) -> Sequence[Row]:
        """Apply swaps one by one. Raises RowsLocked if the rows of some are locked."""
        found: list[Row] = []
        locked: list[Any] = []
        refusal: Exception | None = None
        for one in values:
            try:
                row = await connection.fetchrow(self._swap_sql, *one)
            except asyncpg.LockNotAvailableError as waited:
                locked.append(one[_SID])
                refusal = waited
            else:
                found += [row] if row is not None else []
        if locked:
            raise RowsLocked(found, locked) from refusal
        return found

    async def _on_schema(self, work: migrations.SchemaWork) -> Sequence[str]:
        connection = await self._pool.connect()
        try:
            return [migration.name for migration in await work(connection, self._url.schema)]
        except asyncpg.InsufficientPrivilegeError as refusal:
            raise ConfigurationError(f"{refusal.args[0]}: migrate as the owner of the database.") from None
        except DRIVER_ERRORS as fault:
            raise_unavailable(fault)
        finally:
            await close_connection(connection)

    def _check(self, server: Any) -> None:
        if not server["is_migrated"]:
            raise ConfigurationError(f"There are no Gatepass tables in {self._url.display}. Run: gatepass migrate")
        if server["is_read_only"]:
            raise ConfigurationError(f"{self._url.display} accepts no writes: it is a standby, or set to be read only.")
        if server["synchronous_commit"] == "off" and not self._url.chose_commit:
            raise ConfigurationError(_FORGETS)


def _values(swap: Swap) -> tuple[object, ...]:
    return (
        swap.generation,
        swap.fingerprint,
        swap.binding,
        swap.previous,
        swap.now,
        swap.ip_prefix,
        swap.sid,
        swap.expected_generation,
        swap.expected_fingerprint,
        swap.expected_binding,
        swap.shown_device,
    )
