"""Brings a database to the schema of this program: plain SQL files, applied in order, each once.

`migrations/<dialect>/NNNN_name.sql`. The table `gatepass_schema` records each with a digest, so that a file
that was changed after it ran is noticed, and so is a database that a newer program has been at.
"""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from gatepass.errors import ConfigurationError

_TABLE = """
CREATE TABLE IF NOT EXISTS gatepass_schema (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT
"""


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
    folder = resources.files("gatepass.stores") / "migrations" / dialect
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


def _statements(sql: str) -> Sequence[str]:
    """The statements of a file: `executescript` would commit the transaction that we are in."""
    found, current = [], ""
    for line in sql.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return [*found, current] if current.strip() else found  # the last one may lack its semicolon
