"""The store on SQLite: statements and rows, nothing else. For one server process.

A refresh is one UPDATE of one row: the condition of the swap is in its WHERE. No column that it changes has an index.

One connection writes, and another one reads: in WAL mode a read waits for no commit, so what a sign-in flushes to the
disk delays no guarded request. A read sees all that was acknowledged before it was asked for.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gatepass.core.session import EndReason, Session, Swap
from gatepass.core.stored_key import StoredKey
from gatepass.errors import ConfigurationError
from gatepass.ports import Revocation, Subscription
from gatepass.stores import migrations, rows
from gatepass.stores.sqlite.accounts import SQLiteAccounts, SQLiteAudit, drop_deleted, revoke_all
from gatepass.stores.sqlite.attempts import SQLiteAttempts
from gatepass.stores.sqlite.changes import SQLiteChanges
from gatepass.stores.sqlite.claims import SQLiteClaims
from gatepass.stores.sqlite.factors import SQLiteFactors
from gatepass.stores.sqlite.file import Result, Work
from gatepass.stores.sqlite.identities import SQLiteIdentities
from gatepass.stores.sqlite.watcher import Watcher, read_news
from gatepass.stores.sqlite.writer import Durability, Writer

MIN_VERSION = (3, 37, 0)
"""STRICT tables need 3.37; RETURNING needs 3.35."""

_SESSION = ", ".join(rows.SESSION_COLUMNS)
_SIGNING_KEY = ", ".join(rows.SIGNING_KEY_COLUMNS)
_ADD = f"""
INSERT INTO session ({_SESSION})
SELECT {", ".join("?" * len(rows.SESSION_COLUMNS))}
WHERE EXISTS (SELECT 1 FROM account WHERE id = ? AND disabled_at IS NULL AND credential_version = ?)
"""
_FIND = f"SELECT {_SESSION} FROM session WHERE sid = ?"
_SWAP = f"""
UPDATE session SET generation = ?, fingerprint = ?, binding = ?, previous = ?, committed_at = ?, last_ip_prefix = ?
WHERE sid = ? AND generation = ? AND fingerprint = ? AND binding = ? AND revoked_at IS NULL AND expires_at > ?
    AND (device_since IS NULL OR ?)
RETURNING {_SESSION}
"""
_SET_DEVICE = """
UPDATE session SET device_key = :key, device_since = coalesce(device_since, :since)
WHERE sid = :sid AND revoked_at IS NULL AND expires_at > :now AND device_key IN (x'', :key)
"""
_REVOKE = f"""
UPDATE session SET revoked_at = ?, revoke_reason = ? WHERE sid = ? AND revoked_at IS NULL RETURNING {_SESSION}
"""
_LIST_FOR_ACCOUNT = f"""
SELECT {_SESSION} FROM session WHERE account_id = ? AND revoked_at IS NULL AND expires_at > ?
ORDER BY created_at DESC, sid
"""
_BURY = """
INSERT INTO tombstone (sid, at) SELECT :sid, :now WHERE NOT EXISTS (SELECT 1 FROM session WHERE sid = :sid)
ON CONFLICT (sid) DO UPDATE SET at = excluded.at
"""
_REVOKED_SINCE = """
SELECT sid, revoked_at FROM session WHERE revoked_at >= :since
UNION ALL
SELECT sid, at FROM tombstone WHERE at >= :since
ORDER BY 2, 1
"""
_REVOKED_AMONG = """
SELECT sid, revoked_at FROM session WHERE sid = :sid AND revoked_at IS NOT NULL
UNION ALL
SELECT sid, at FROM tombstone WHERE sid = :sid
"""
_PRUNE_TOMBSTONES = "DELETE FROM tombstone WHERE sid IN (SELECT sid FROM tombstone WHERE at < ? LIMIT ?)"
_RAISE_EPOCH = """
INSERT INTO epoch (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at) RETURNING at
"""
_PRUNE = """
DELETE FROM session WHERE sid IN (
    SELECT sid FROM session WHERE expires_at < :before
    UNION ALL
    SELECT sid FROM session WHERE revoked_at < :before AND expires_at >= :before  -- none twice: LIMIT counts rows
    LIMIT :limit
)
RETURNING account_id
"""
_PING = """
INSERT INTO attempt (key, failures, last_at) VALUES ('gatepass ping', 0, 0)
ON CONFLICT (key) DO UPDATE SET failures = 1 - failures  -- SQLite skips the write of a value that is there already
"""


class SQLiteStore(
    SQLiteAccounts, SQLiteIdentities, SQLiteFactors, SQLiteChanges, SQLiteAttempts, SQLiteAudit, SQLiteClaims
):
    """All store ports on one SQLite file. Any event loop may use it."""

    is_shared = False
    is_private = False

    def __init__(self, path: str | Path, *, busy_timeout: float = 5.0, read_only: bool = False) -> None:
        """`busy_timeout` is how many seconds a commit waits for another program that has the file.

        `read_only` opens an existing file beside the server that writes it; its schema is taken as it is.
        """
        if str(path) == ":memory:":
            raise ConfigurationError("The SQLite store needs a file; for a store in memory use memory://.")
        self._path = self.file = Path(path)
        self._writer = Writer(self._path, busy_timeout=busy_timeout, read_only=read_only)
        self._reader = self._writer if read_only else Writer(self._path, busy_timeout=busy_timeout, read_only=True)

    async def open(self) -> None:
        if sqlite3.sqlite_version_info < MIN_VERSION:
            raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed.")
        await self._writer.open(migrations.migrate_sqlite)
        try:
            await self._reader.open(migrations.migrate_sqlite)  # which prepares nothing there
        except BaseException:
            await self._writer.close()
            raise

    async def close(self) -> None:
        await self._reader.close()  # first: the last one moves the log into the file
        await self._writer.close()

    async def ping(self) -> None:
        # Flushed like any other write: a lock alone proves nothing about the disk.
        await self._run(lambda connection: connection.execute(_PING))

    async def hazards(self) -> Sequence[str]:
        return ()  # what matters is set on the one connection that writes

    async def add(self, session: Session, *, credential_version: int) -> bool:
        values = (*rows.from_session(session), session.account_id, credential_version)
        return await self._run(lambda connection: connection.execute(_ADD, values).rowcount == 1)

    async def find(self, sid: bytes) -> Session | None:
        row = await self._read(lambda connection: connection.execute(_FIND, (sid,)).fetchone())
        return rows.to_session(row) if row else None

    async def swap(self, swap: Swap) -> Session | None:
        values = (
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
            swap.now,
            swap.shown_device,
        )
        # Committed now, and flushed with the next operation that needs it (PROTOCOL §3).
        row = await self._writer.run(
            lambda connection: connection.execute(_SWAP, values).fetchone(), durability=Durability.COMMIT
        )
        return rows.to_session(row) if row else None

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        values = {"sid": sid, "key": key, "since": since, "now": now}
        return await self._run(lambda connection: connection.execute(_SET_DEVICE, values).rowcount == 1)

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        row = await self._run(lambda connection: connection.execute(_REVOKE, (now, reason, sid)).fetchone())
        return rows.to_session(row) if row else None

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        return await self._run(lambda connection: revoke_all(connection, account_id, reason, now, keep))

    async def bury(self, sid: bytes, *, now: int) -> None:
        await self._run(lambda connection: connection.execute(_BURY, {"sid": sid, "now": now}))

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        found = await self._read(lambda connection: connection.execute(_LIST_FOR_ACCOUNT, (account_id, now)).fetchall())
        return tuple(rows.to_session(row) for row in found)

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        found = await self._read(lambda connection: connection.execute(_REVOKED_SINCE, {"since": since}).fetchall())
        return tuple(map(Revocation._make, found))

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        def find(connection: sqlite3.Connection) -> Sequence[Revocation]:
            found = [connection.execute(_REVOKED_AMONG, {"sid": sid}).fetchall() for sid in sids]
            return tuple(Revocation._make(row) for rows_of_one in found for row in rows_of_one)

        return await self._read(find)

    async def time(self) -> int | None:
        return None

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        # In one server process the others are commands, such as `gatepass keys rotate` or `gatepass sessions revoke`.
        # SQLite's counter of changes by others is that of a connection: what this one writes is no news.
        yield Watcher(self._path, self._read_as_writer, await self._read_as_writer(read_news))

    async def prune(self, *, before: int, limit: int) -> int:
        def prune(connection: sqlite3.Connection) -> int:
            owners = connection.execute(_PRUNE, {"before": before, "limit": limit}).fetchall()
            drop_deleted(connection, sorted({owner for (owner,) in owners}))
            return len(owners) + connection.execute(_PRUNE_TOMBSTONES, (before, limit - len(owners))).rowcount

        return await self._atomically(prune, durability=Durability.ERASE)

    async def signing_keys(self) -> Sequence[StoredKey]:
        statement = f"SELECT {_SIGNING_KEY} FROM signing_key"
        found = await self._read(lambda connection: connection.execute(statement).fetchall())
        return tuple(rows.to_signing_key(row) for row in found)

    async def put_signing_key(self, key: StoredKey) -> None:
        statement = (
            f"INSERT OR REPLACE INTO signing_key ({_SIGNING_KEY}) "
            f"VALUES ({', '.join('?' * len(rows.SIGNING_KEY_COLUMNS))})"
        )
        values = rows.from_signing_key(key)
        await self._run(lambda connection: connection.execute(statement, values))

    async def epoch(self) -> int:
        row = await self._read(lambda connection: connection.execute("SELECT at FROM epoch").fetchone())
        return int(row[0]) if row else 0

    async def raise_epoch(self, at: int) -> int:
        row = await self._run(lambda connection: connection.execute(_RAISE_EPOCH, (at,)).fetchone())
        return int(row[0])

    async def _run(self, work: Work[Result]) -> Result:
        return await self._writer.run(work, durability=Durability.FLUSH)

    async def _read(self, work: Work[Result]) -> Result:
        return await self._reader.run(work, durability=Durability.READ)

    async def _read_as_writer(self, work: Work[Result]) -> Result:
        return await self._writer.run(work, durability=Durability.READ)

    async def _atomically(self, work: Work[Result], *, durability: Durability = Durability.FLUSH) -> Result:
        """Work of several statements: all of them or none, whatever else is in the batch."""

        def nested(connection: sqlite3.Connection) -> Result:
            connection.execute("SAVEPOINT work")
            try:
                result = work(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO work")
                    connection.execute("RELEASE work")
                raise
            connection.execute("RELEASE work")
            return result

        return await self._writer.run(nested, durability=durability)
