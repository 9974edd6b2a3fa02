"""Migrates a database to the schema of this program: plain SQL files, applied in order, each once.

The files are `stores/<dialect>/migrations/NNNN_name.sql`. The table `gatepass_schema` records each with a digest, so a
file that was changed after it was applied is detected, and so is a database that a newer program has migrated.

SQLite is migrated when it is opened: its file has no other users. PostgreSQL is migrated by `gatepass migrate` only, or
by another tool with the SQL that `--sql` prints, because the role of the server need not have the right to change a
schema. There the table is `schema_version`, in the schema that has all other tables.
"""

import hashlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol, runtime_checkable

from gatepass.errors import ConfigurationError

_TABLE = """
CREATE TABLE IF NOT EXISTS gatepass_schema (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT
"""

_POSTGRES_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    version bigint PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at bigint NOT NULL
);
"""
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


def load(dialect: str) -> Sequence[Migration]:
    """All migrations of a dialect ("sqlite" or "postgres"), oldest first."""
    folder = resources.files(f"gatepass.stores.{dialect}") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(
        Migration(int(file.name.partition("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
    )


def pending(known: Sequence[Migration], applied: Sequence[tuple[int, str]]) -> Sequence[Migration]:
    """The migrations still to apply, given (version, digest) of those applied.

    Raises ConfigurationError if the database is newer than this program, or an applied file has changed.
    """
    by_version = {migration.version: migration for migration in known}
    for version, digest in applied:
        migration = by_version.get(version)
        if migration is None:
            raise ConfigurationError(
                f"The database is at schema version {version}, newer than this program: upgrade gatepass."
            )
        if migration.digest != digest:
            raise ConfigurationError(f"Migration {migration.name} has changed since it was applied to this database.")
    done = {version for version, _ in applied}
    return [migration for migration in known if migration.version not in done]


def migrate_sqlite(connection: sqlite3.Connection) -> None:
    """Apply all pending migrations in one transaction that excludes other writers. Raises ConfigurationError."""
    connection.execute("BEGIN EXCLUSIVE")
    try:
        connection.execute(_TABLE)
        applied = connection.execute("SELECT version, digest FROM gatepass_schema ORDER BY version").fetchall()
        for migration in pending(load("sqlite"), applied):
            for statement in _statements(migration.sql):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO gatepass_schema VALUES (?, ?, ?, ?)",
                (migration.version, migration.name, migration.digest, int(time.time())),
            )
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
    applied = await connection.fetch(f"SELECT version, digest FROM {schema}.schema_version ORDER BY version")
    return pending(known, [(row[0], row[1]) for row in applied])


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
        f"SET LOCAL search_path TO {schema};{_POSTGRES_TABLE}"
    )


def _record(migration: Migration) -> str:
    """Inserts a row of `schema_version`. All values come from our own files, so they need no quoting."""
    return (
        f"INSERT INTO schema_version VALUES ({migration.version}, '{migration.name}', '{migration.digest}', "
        "extract(epoch FROM now())::bigint);"
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
