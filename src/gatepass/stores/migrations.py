"""Migrates a database to the schema of this program: plain SQL files, applied in order, each once.

The files are `stores/<dialect>/migrations/NNNN_name.sql`. Each is recorded with a digest, so a file that was changed
after it was applied is detected, and so is a database that a newer program has migrated.

An upgrade goes from server to server, so programs of two versions run on one database, and one that crashes meanwhile
must be able to start again. A migration that only adds says in its first line which programs may run on it:

    -- Programs of schema 3 and later may run on it.

It is recorded in `gatepass_schema_addition` with that number; a program that does not know it reads the number there. A
migration without such a line is recorded in `gatepass_schema`, and no earlier program may run on it. Programs of schema
3 refuse what they do not know there, and do not read the other table.

SQLite is migrated when it is opened: its file has no other users. PostgreSQL is migrated by `gatepass migrate` only, or
by another tool with the SQL that `--sql` prints, because the role of the server need not have the right to change a
schema. There the tables are `schema_version` and `schema_addition`, in the schema that has all other tables.
"""

import hashlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gatepass.errors import ConfigurationError

_COLUMNS = "version INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied_at INTEGER NOT NULL"
_TABLES = (
    f"CREATE TABLE IF NOT EXISTS gatepass_schema ({_COLUMNS}) STRICT",
    f"CREATE TABLE IF NOT EXISTS gatepass_schema_addition ({_COLUMNS}, oldest INTEGER NOT NULL) STRICT",
)
_POSTGRES_COLUMNS = "version bigint PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at bigint NOT NULL"
_POSTGRES_TABLES = f"""
CREATE TABLE IF NOT EXISTS schema_version ({_POSTGRES_COLUMNS});
CREATE TABLE IF NOT EXISTS schema_addition ({_POSTGRES_COLUMNS}, oldest bigint NOT NULL);
"""
_OLDEST = re.compile(r"-- Programs of schema ([0-9]+) and later may run on it\.\n")
_LOCK = int.from_bytes(hashlib.sha256(b"gatepass migrate").digest()[:8], "big", signed=True)
"""Advisory lock held by a migration until its transaction ends. A second migration waits and finds nothing to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a schema."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, which detects a changed one."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def oldest(self) -> int | None:
        """The oldest schema whose programs may run on a database with this migration; None: no earlier program."""
        found = _OLDEST.match(self.sql)
        return int(found[1]) if found else None

    @property
    def ends_sessions(self) -> bool:
        """Whether it ends every session, as its first line says."""
        return self.sql.startswith("-- Every session ends here")


class Applied(NamedTuple):
    """A migration as the database records it. `oldest` as in Migration."""

    version: int
    digest: str
    oldest: int | None = None


def load(dialect: str) -> Sequence[Migration]:
    """All migrations of a dialect ("sqlite" or "postgres"), oldest first."""
    folder = resources.files(f"gatepass.stores.{dialect}") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(
        Migration(int(file.name.partition("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
    )


def ends_sessions(steps: Sequence[str]) -> bool:
    """Whether migrations with these names end the sessions of a database. A new one has none."""
    first, *_ = known = load("postgres")
    return first.name not in steps and any(each.ends_sessions and each.name in steps for each in known)


def pending(known: Sequence[Migration], applied: Sequence[Applied]) -> Sequence[Migration]:
    """The migrations still to apply.

    Raises ConfigurationError if this program must not run on the database, or an applied file has changed.
    """
    by_version = {migration.version: migration for migration in known}
    own = max(by_version, default=0)
    for version, digest, oldest in applied:
        migration = by_version.get(version)
        if migration is None and (oldest is None or oldest > own):
            raise ConfigurationError(
                f"The database is at schema version {version}, newer than this program, which knows {own}: upgrade "
                "gatepass. See docs/guides/upgrade.md."
            )
        if migration is not None and migration.digest != digest:
            raise ConfigurationError(f"Migration {migration.name} has changed since it was applied to this database.")
    done = {version for version, *_ in applied}
    return [migration for migration in known if migration.version not in done]


def applied_to_sqlite(connection: sqlite3.Connection) -> Sequence[Applied]:
    """The migrations that a SQLite file records. Raises sqlite3.Error if it is no database of ours."""
    rows = connection.execute("SELECT version, digest, NULL FROM gatepass_schema").fetchall()
    named = "SELECT 1 FROM sqlite_master WHERE name = 'gatepass_schema_addition'"
    if connection.execute(named).fetchone() is not None:
        rows += connection.execute("SELECT version, digest, oldest FROM gatepass_schema_addition").fetchall()
    return sorted(Applied(*row) for row in rows)


def migrate_sqlite(connection: sqlite3.Connection) -> None:
    """Apply all pending migrations in one transaction that excludes other writers. Raises ConfigurationError."""
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for table in _TABLES:
            connection.execute(table)
        for migration in pending(load("sqlite"), applied_to_sqlite(connection)):
            for statement in _statements(migration.sql):
                connection.execute(statement)
            record = (migration.version, migration.name, migration.digest, int(time.time()))
            if migration.oldest is None:
                connection.execute("INSERT INTO gatepass_schema VALUES (?, ?, ?, ?)", record)
            else:
                record_of_addition = (*record, migration.oldest)
                connection.execute("INSERT INTO gatepass_schema_addition VALUES (?, ?, ?, ?, ?)", record_of_addition)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@runtime_checkable
class Migrated(Protocol):
    """A store whose schema changes only on request. Names are those of the files, oldest first."""

    async def migrate(self) -> Sequence[str]:
        """Apply all pending migrations. Returns their names. Raises ConfigurationError or StoreUnavailable."""
        ...

    async def pending(self) -> Sequence[str]:
        """The names that `migrate` would apply. Raises ConfigurationError or StoreUnavailable."""
        ...

    def script(self, *, since: int) -> str:
        """The SQL of `migrate` for a database at version `since`."""
        ...


SchemaWork = Callable[[Any, str], Awaitable[Sequence[Migration]]]
"""Work on a schema over an asyncpg connection."""


async def migrate_postgres(connection: Any, schema: str) -> Sequence[Migration]:
    """Apply all pending migrations in one transaction. Returns them. Raises ConfigurationError."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")  # an index on a large table takes long
        await connection.execute(_prologue(schema))
        steps = await missing(connection, schema)
        for migration in steps:
            await connection.execute(migration.sql)
            await connection.execute(_record(migration))
    return steps


async def missing(connection: Any, schema: str) -> Sequence[Migration]:
    """The migrations that `migrate_postgres` would apply. Raises ConfigurationError."""
    known = load("postgres")
    if await connection.fetchval(f"SELECT to_regclass('{schema}.schema_version')") is None:
        return known
    rows = await connection.fetch(f"SELECT version, digest, NULL FROM {schema}.schema_version")
    if await connection.fetchval(f"SELECT to_regclass('{schema}.schema_addition')") is not None:
        rows += await connection.fetch(f"SELECT version, digest, oldest FROM {schema}.schema_addition")
    return pending(known, sorted(Applied(*row) for row in rows))


def script(schema: str, *, since: int) -> str:
    """The SQL of `migrate_postgres` for a database at version `since` (0: an empty one), as one transaction."""
    steps = [
        f"-- {migration.name}\n{migration.sql.strip()}\n\n{_record(migration)}\n"
        for migration in load("postgres")
        if migration.version > since
    ]
    return "\n".join(["BEGIN;", _prologue(schema), *steps, "COMMIT;"])


def _prologue(schema: str) -> str:
    """Takes the lock and selects the schema. Both settings end with the transaction."""
    return (
        f"SELECT pg_advisory_xact_lock({_LOCK});\n"
        f"CREATE SCHEMA IF NOT EXISTS {schema};\n"
        f"SET LOCAL search_path TO {schema};{_POSTGRES_TABLES}"
    )


def _record(migration: Migration) -> str:
    """Inserts the record of a migration. All values come from our own files, so they need no quoting."""
    table, oldest = ("schema_version", "") if migration.oldest is None else ("schema_addition", f", {migration.oldest}")
    return (
        f"INSERT INTO {table} VALUES ({migration.version}, '{migration.name}', '{migration.digest}', "
        f"extract(epoch FROM now())::bigint{oldest});"
    )


def _statements(sql: str) -> Sequence[str]:
    """The statements of a file. `executescript` would run them all, but commits the open transaction first."""
    found, current = [], ""
    for line in sql.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return [*found, current] if current.strip() else found  # the last one may lack its semicolon
