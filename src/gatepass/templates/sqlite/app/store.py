"""The notes, in a SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, account TEXT NOT NULL, text TEXT NOT NULL)"


@dataclass(frozen=True)
class Note:
    """A note, as the API shows it."""

    id: int
    text: str


class Notes:
    """The notes of all accounts. Every method takes the account, so that no account reads another one's."""

    def __init__(self, file: Path | str) -> None:
        self._file = file
        with self._database() as database:
            database.execute(_SCHEMA)

    def of(self, account: str) -> list[Note]:
        """The notes of an account, oldest first."""
        with self._database() as database:
            rows = database.execute("SELECT id, text FROM notes WHERE account = ? ORDER BY id", (account,))
            return [Note(note_id, text) for note_id, text in rows]

    def add(self, account: str, text: str) -> Note:
        """Add a note."""
        with self._database() as database:
            row = database.execute("INSERT INTO notes (account, text) VALUES (?, ?) RETURNING id", (account, text))
            return Note(row.fetchone()[0], text)

    def delete(self, account: str, note_id: int) -> bool:
        """Delete a note; False if the account has no such note."""
        with self._database() as database:
            done = database.execute("DELETE FROM notes WHERE account = ? AND id = ?", (account, note_id))
            return done.rowcount == 1

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a connection of its own: a connection belongs to one thread."""
        connection = sqlite3.connect(self._file)
        try:
            with connection:
                yield connection
        finally:
            connection.close()
