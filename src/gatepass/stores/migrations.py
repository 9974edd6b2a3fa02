"""Brings a database to the schema of this program: plain SQL files, applied in order, each once.

`migrations/<dialect>/NNNN_name.sql`. The table `gatepass_schema` records each with a digest, so that a file
that was changed after it ran is noticed, and so is a database that a newer program has been at.

SQLite is brought up to date when it is opened: its file has no other users. PostgreSQL is not: there it is `gatepass
migrate` that does it, or any other tool with what `--sql` prints, since whoever runs the server need not be who may
change a schema. There the table is called `schema_version`, in the schema that everything of ours is in.
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
"""Whoever migrates holds this advisory lock until the transaction ends: the second one finds nothing left to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """By which a changed file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(dialect: str) -> Sequence[Migration]:
    """All steps of a dialect, oldest first."""
    folder = resources.files(f"gatepass.stores.{dialect}") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(
        Migration(int(file.name.partition("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
    )


def pending(known: Sequence[Migration], applied: Sequence[tuple[int, str]]) -> Sequence[Migration]:
    """The steps to apply, given (version, digest) of those that were. Raises ConfigurationError."""
    by_version = {migration.version: migration for migration in known}
    for version, digest in applied:
        migration = by_version.get(version)
        if migration is None:
            raise ConfigurationError(
                f"The database is at schema version {version}, newer than this program: upgrade gatepass."
            )
        if migration.digest != digest:
            raise ConfigurationError(f"Migration {migration.name} is not the one that this database has seen.")
    done = {version for version, _ in applied}
    return [migration for migration in known if migration.version not in done]


def migrate_sqlite(connection: sqlite3.Connection) -> None:
    """Apply what is missing, all or nothing, while no other program can write."""
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
    """A store whose schema is changed on request alone. Names are those of the files, oldest first."""

    async def migrate(self) -> Sequence[str]:
        """Apply what is missing. Raises ConfigurationError, or StoreUnavailable."""
        ...

    async def pending(self) -> Sequence[str]:
        """What `migrate` would apply. Raises ConfigurationError, or StoreUnavailable."""
        ...

    def script(self, *, since: int) -> str:
        """What `migrate` does from a version on, as SQL."""
        ...


SchemaWork = Callable[[Any, str], Awaitable[Sequence[Migration]]]
"""Something done with a PostgreSQL connection (of asyncpg) to a schema."""


async def migrate_postgres(connection: Any, schema: str) -> Sequence[Migration]:
    """Apply what is missing, all or nothing, and give it. Raises ConfigurationError."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")  # an index on a large table takes its time
        await connection.execute(_prologue(schema))
        steps = await missing(connection, schema)
        for migration in steps:
            await connection.execute(migration.sql)
            await connection.execute(_record(migration))
    return steps


async def missing(connection: Any, schema: str) -> Sequence[Migration]:
    """What `migrate_postgres` would apply. Raises ConfigurationError."""
    known = load("postgres")
    if await connection.fetchval(f"SELECT to_regclass('{schema}.schema_version')") is None:
        return known
    applied = await connection.fetch(f"SELECT version, digest FROM {schema}.schema_version ORDER BY version")
    return pending(known, [(row[0], row[1]) for row in applied])


def script(schema: str, *, since: int) -> str:
    """What `migrate_postgres` does to a database at version `since` (0: an empty one), as one transaction of SQL."""
    steps = [
        f"-- {migration.name}\n{migration.sql.strip()}\n\n{_record(migration)}\n"
        for migration in load("postgres")
        if migration.version > since
    ]
    return "\n".join(["BEGIN;", _prologue(schema), *steps, "COMMIT;"])


def _prologue(schema: str) -> str:
    """One at a time, and every name that follows is one of ours; the settings end with the transaction."""
    return (
        f"SELECT pg_advisory_xact_lock({_LOCK});\n"
        f"CREATE SCHEMA IF NOT EXISTS {schema};\n"
        f"SET LOCAL search_path TO {schema};{_POSTGRES_TABLE}"
    )


def _record(migration: Migration) -> str:
    """A row of `schema_version`. The values are ours: a number, a file name and hexadecimal digits."""
    return (
        f"INSERT INTO schema_version VALUES ({migration.version}, '{migration.name}', '{migration.digest}', "
        "extract(epoch FROM now())::bigint);"
    )


def _statements(sql: str) -> Sequence[str]:
    """The statements of a file: `executescript` would commit the transaction that we are in."""
    found, current = [], ""
    for line in sql.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return [*found, current] if current.strip() else found  # the last one may lack its semicolon
