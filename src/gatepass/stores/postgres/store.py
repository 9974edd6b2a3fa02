"""The store on PostgreSQL: what each verb asks of it. For any number of servers.

A refresh is one UPDATE of one row, shared round trip and commit included (`postgres_swaps`). Statements are in
`postgres_statements`, connections in `postgres_connections`. The tables have a schema of their own: they meet none of
the application's, its migration tool does not see them, and one GRANT covers them. They are made by `gatepass migrate`
and never by a server, whose role needs to select, insert, update and delete there and nothing else.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey
from gatepass.errors import ConfigurationError
from gatepass.ports import Attempts, Revocation, Subscription
from gatepass.stores import migrations, rows
from gatepass.stores.postgres.account_statements import AccountStatements
from gatepass.stores.postgres.accounts import PostgresAccounts
from gatepass.stores.postgres.listener import Silence, listening
from gatepass.stores.postgres.pool import COMMAND_TIMEOUT, DRIVER_ERRORS, Connections, hang_up, raise_ill
from gatepass.stores.postgres.statements import Statements
from gatepass.stores.postgres.swap_batches import Row, SwapBatcher
from gatepass.stores.postgres.url import parse_address

MAX_ATTEMPT_KEYS = 100_000
"""Against what: a flood of invented addresses must not fill the disk; the oldest counts go first."""
TRIM_INTERVAL = 1_000
"""Failures between two looks at their number: counting 100,000 keys each time would hold up the refreshes."""
_RACES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""A batch lost against somebody who locks in another order, or under another isolation level: nothing was done."""


class PostgresStore(PostgresAccounts):
    """All store ports on one PostgreSQL database. For one event loop: the one that opened it."""

    is_shared = True

    def __init__(self, url: str) -> None:
        """`url` as in `postgres_address`. Raises ConfigurationError."""
        self._address = parse_address(url)
        self._sql = Statements(self._address.schema)
        self._accounts_sql = AccountStatements(self._address.schema)
        self._connections = Connections(self._address)
        self._swaps = SwapBatcher(self._send, spawn=self._connections.spawn)
        self._swap_sql = self._sql.swap
        self._failures = 0

    def __repr__(self) -> str:
        return f"PostgresStore({self._address.shown})"

    async def open(self) -> None:
        """Connect, and see that the schema is this program's. Changes nothing.

        Raises ConfigurationError, which names what to run; StoreUnavailable where there is no server just now.
        """
        if self._connections.is_open:
            return
        connection = await self._connections.connect(command_timeout=COMMAND_TIMEOUT)
        try:
            self._check(await connection.fetchrow(self._sql.condition))
            if missing := await migrations.missing(connection, self._address.schema):
                names = ", ".join(migration.name for migration in missing)
                raise ConfigurationError(f"The database lacks {names}. Run: gatepass migrate")
        except asyncpg.InsufficientPrivilegeError as refusal:
            raise ConfigurationError(
                f"{refusal.args[0]}: GRANT USAGE ON SCHEMA {self._address.schema}, and "
                f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {self._address.schema} to the server's role."
            ) from None
        except DRIVER_ERRORS as fault:
            raise_ill(fault)
        finally:
            await hang_up(connection)
        self._connections.open()
        self._swaps = SwapBatcher(self._send, spawn=self._connections.spawn)

    async def close(self) -> None:
        """Finish what was accepted, then hang up."""
        self._swaps.dispatch()
        await self._connections.close()

    async def migrate(self) -> Sequence[str]:
        """Bring the schema up to date; the names of the steps that this took. Raises ConfigurationError."""
        return await self._on_schema(migrations.migrate_postgres)

    async def pending(self) -> Sequence[str]:
        """The names of the steps that `migrate` would take. Raises ConfigurationError."""
        return await self._on_schema(migrations.missing)

    def script(self, *, since: int) -> str:
        """What `migrate` does from a version on, as SQL for other tools."""
        return migrations.script(self._address.schema, since=since)

    async def ping(self) -> None:
        """A real write, committed like any other."""
        await self._execute(self._sql.ping)

    async def add(self, session: Session, *, credential_version: int) -> bool:
        """Insert if the account is enabled and has this version, in one statement."""
        values = (*rows.from_session(session), session.account_id, credential_version)
        return await self._row(self._sql.add, *values) is not None

    async def find(self, sid: bytes) -> Session | None:
        """The row as it is."""
        row = await self._row(self._sql.find, sid)
        return rows.to_session(row) if row else None

    async def swap(self, swap: Swap) -> Session | None:
        """The one UPDATE of a refresh, with all that arrive at the same time."""
        self._connections.check_open()
        row = await self._swaps.put(swap)
        return rows.to_session(row) if row else None

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        """End one session, once."""
        row = await self._row(self._sql.revoke, now, reason, sid)
        return rows.to_session(tuple(row)[:-1]) if row else None

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        """End all of an account but `keep`."""
        return tuple(row[0] for row in await self._rows(self._sql.revoke_all, now, reason, account_id, keep))

    async def of_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        """The live ones, newest sign-in first."""
        return tuple(rows.to_session(row) for row in await self._rows(self._sql.of_account, account_id, now))

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        """Revocations at or after `since`, oldest first."""
        return tuple(Revocation(*row) for row in await self._rows(self._sql.revoked_since, since))

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        """Hear of revocations in any process, on a connection beside the others."""
        if self._address.is_pooled:
            return nullcontext(Silence())
        return listening(self._connections, self._sql.channel)

    async def prune(self, *, before: int, limit: int) -> int:
        """Forget what ended before `before`, and deleted accounts with their last session."""
        owners = [row[0] for row in await self._rows(self._sql.prune, before, limit)]
        if owners:
            await self._execute(self._accounts_sql.drop_deleted, sorted(set(owners)))
        return len(owners)

    async def attempts(self, keys: Sequence[str]) -> Sequence[Attempts]:
        """The counts of these keys."""
        found = {key: Attempts(*rest) for key, *rest in await self._rows(self._sql.attempts, list(keys))}
        return tuple(found.get(key, Attempts(0, 0)) for key in keys)

    async def count_failure(self, keys: Sequence[str], *, now: int, forget_before: int) -> None:
        """Raise each count by one; keep their number bounded."""
        await self._execute(self._sql.count_failure, list(keys), now, forget_before)
        self._failures += len(keys)
        if self._failures >= TRIM_INTERVAL:
            self._failures = 0
            await self._execute(self._sql.forget_attempts, MAX_ATTEMPT_KEYS)

    async def clear_attempts(self, key: str) -> None:
        """Forget a key."""
        await self._execute(self._sql.clear_attempts, key)

    async def signing_keys(self) -> Sequence[StoredKey]:
        """All of them."""
        return tuple(rows.to_signing_key(row) for row in await self._rows(self._sql.signing_keys))

    async def put_signing_key(self, key: StoredKey) -> None:
        """Add or replace; other processes are told to look."""
        await self._rows(self._sql.put_signing_key, *rows.from_signing_key(key))

    async def _send(self, swaps: Sequence[Swap]) -> Sequence[Row]:
        """Apply a batch in one transaction; where it lost against another one, each by itself."""
        values = [_values(swap) for swap in swaps]

        async def work(connection: Any) -> Sequence[Row]:
            try:
                found: Sequence[Row] = await connection.fetchmany(self._swap_sql, values)
            except _RACES:
                each = [await connection.fetchrow(self._swap_sql, *one) for one in values]
                found = [row for row in each if row is not None]
            return found

        return await self._connections.lend(work)

    async def _on_schema(self, work: migrations.SchemaWork) -> Sequence[str]:
        connection = await self._connections.connect()
        try:
            return [migration.name for migration in await work(connection, self._address.schema)]
        except asyncpg.InsufficientPrivilegeError as refusal:
            raise ConfigurationError(f"{refusal.args[0]}: migrate as the owner of the database.") from None
        except DRIVER_ERRORS as fault:
            raise_ill(fault)
        finally:
            await hang_up(connection)

    def _check(self, server: Any) -> None:
        if not server["is_migrated"]:
            raise ConfigurationError(f"There are no tables of Gatepass in {self._address.shown}. Run: gatepass migrate")
        if server["is_read_only"]:
            raise ConfigurationError(f"{self._address.shown} takes no writes: it is a standby, or set to be read only.")
        if server["synchronous_commit"] == "off" and not self._address.chose_commit:
            raise ConfigurationError(
                "synchronous_commit is off: a sign-out that was acknowledged could be lost in a crash. Switch it on, "
                "or add synchronous_commit=local to the URL; synchronous_commit=off there means that you want this."
            )


def _values(swap: Swap) -> tuple[object, ...]:
    return (
        swap.generation,
        swap.fingerprint,
        swap.key_hash,
        swap.now,
        swap.ip_prefix,
        rows.pack_ancestors(swap.skipped),
        swap.sid,
        swap.expected_generation,
        swap.expected_fingerprint,
    )
