"""Refreshes on a PostgreSQL with many sessions, beside one with few, and what a session costs on disk.

    python3 run.py bench scale [--sessions 200000] [--few 10000] [--seconds 3] [--rounds 5] [--connections 32]
    python3 run.py bench scale --wal [--sessions 1000000] [--share 0.1]

Caveats first. Two cores are shared by PostgreSQL, the server and the load generator: compare the two rows, not either
with another machine's. Both databases are in one PostgreSQL, each with a `gatepass serve` of its own; rounds are
interleaved, the first is not counted, ratios are taken inside a round. Each refresh is of a session chosen at random
among all, as in life; so with many sessions nearly each touches another page, and after a checkpoint writes that page
to the WAL whole. Ten million sessions need about 5 GB.

--wal prints what a refresh writes to the log instead, for each number of sessions: with more or less room on a page,
with the pages compressed or not, after the share of --share of all sessions was refreshed once (`_wal.py`).
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks._browsers import Browser, Slice, load, wait_for
from benchmarks._generated import KEY, SECRET, fill, sid_of
from benchmarks._options import parse
from benchmarks._processes import cpu_of, gatepass
from benchmarks._wal import measure
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing, parse_secret
from gatepass.core.refresh_token import Channel, compose, first_of
from gatepass.core.session import NO_FINGERPRINT
from tools.services.postgres import PostgresServer, connected, execute, new_database, private_server, query

SETTINGS = ("shared_buffers=1GB", "max_wal_size=4GB", "checkpoint_timeout=15min")
"""What every operator with millions of rows sets; everything else is the default."""


class Stranger(Browser):
    """A connection on which each refresh is another session's: tokens are made for those not yet seen."""

    def __init__(self, port: int, *, share: range, keys: KeyRing, seen: dict[int, dict[str, str]]) -> None:
        super().__init__(port)
        self._share = share
        self._keys = keys
        self._seen = seen
        self.key = KEY

    async def refresh(self) -> None:
        """One session of this connection's share, chosen at random."""
        number = random.choice(self._share)
        self.cookies = self._seen.get(number) or self._first(sid_of(number))
        await super().refresh()
        self._seen[number] = self.cookies

    def _first(self, sid: bytes) -> dict[str, str]:
        """The token that the session's client holds: the first one, which its row expects."""
        now = int(time.time())
        token = first_of(
            sid,
            self._keys,
            channel=Channel.LOOPBACK,
            binding_key=BindingKey(KEY),
            nonce=sid,
            parent=NO_FINGERPRINT,
            now=now - 900,
            expires_at=now + 86_400,
        )
        state = f"{sid.hex()}.{token.generation}.{token.challenge}.{token.expires_at}"
        return {f"gatepass_{self.port}": compose(token, self._keys), f"gatepass_state_{self.port}": state}


@dataclass(slots=True)
class Subject:
    """A database of so many sessions with a server on it."""

    count: int
    url: str
    postgres: PostgresServer
    pid: int
    strangers: list[Browser]

    async def measure(self, seconds: float) -> Slice:
        """All connections for so long."""
        before = await _wal(self.url)
        measured = await load(
            self.strangers,
            seconds,
            server_cpu=lambda: cpu_of(self.pid),
            store_cpu=lambda: cpu_of(self.postgres.pid),
        )
        measured.wal = await _wal(self.url) - before
        return measured


async def open_subject(
    stack: contextlib.AsyncExitStack, postgres: PostgresServer, folder: Path, *, count: int, options: argparse.Namespace
) -> Subject:
    """A filled database and a server on it."""
    url = await new_database(postgres)
    await fill(url, count)
    pid, port = stack.enter_context(gatepass(folder, url, secret=SECRET))
    keys = KeyRing([parse_secret(SECRET)])
    await wait_for(port)
    seen: dict[int, dict[str, str]] = {}
    number = options.connections
    shares = [range(count * k // number, count * (k + 1) // number) for k in range(number)]
    strangers: list[Browser] = [Stranger(port, share=share, keys=keys, seen=seen) for share in shares]
    return Subject(count, url, postgres, pid, strangers)


async def run(options: argparse.Namespace, folder: Path) -> None:
    """Load, measure in turn, print."""
    async with contextlib.AsyncExitStack() as stack:
        postgres = stack.enter_context(private_server(settings=(*SETTINGS, *options.setting)))
        counts = (options.few, options.sessions)
        subjects = [await open_subject(stack, postgres, folder, count=n, options=options) for n in counts]
        await execute(postgres.url(), "CHECKPOINT")
        rounds = []
        for number in range(options.rounds + 1):
            turn = [await subject.measure(options.seconds) for subject in subjects]
            if number:
                rounds.append(turn)
        report(subjects, rounds)
        for subject in subjects:
            await report_table(subject)


def report(subjects: list[Subject], rounds: list[list[Slice]]) -> None:
    """Ratios first."""
    titles = ("ratio", "per s", "p50 ms", "p99 ms", "server CPU ms", "store CPU ms", "WAL bytes")
    print(f"{'sessions':>12}" + "".join(f"{title:>15}" for title in titles))
    for place, subject in enumerate(subjects):
        parts = [turn[place] for turn in rounds]
        latencies = sorted(latency for part in parts for latency in part.latencies)
        cells = [
            f"{statistics.median(turn[place].rate / turn[0].rate for turn in rounds):.2f}",
            f"{statistics.median(part.rate for part in parts):.0f}",
            *(f"{latencies[int(len(latencies) * quantile)] * 1000:.2f}" for quantile in (0.5, 0.99)),
            f"{statistics.median(part.server_cpu / part.done for part in parts) * 1000:.3f}",
            f"{statistics.median(part.store_cpu / part.done for part in parts) * 1000:.3f}",
            f"{statistics.median(part.wal / part.done for part in parts):.0f}",
        ]
        print(f"{subject.count:12,}" + "".join(f"{cell:>15}" for cell in cells))


async def report_table(subject: Subject) -> None:
    """What it takes on disk, and how the updates went."""
    await execute(subject.url, "SELECT pg_stat_force_next_flush()" if await _is_new(subject.url) else "SELECT 1")
    async with connected(subject.url) as connection:
        sizes = await connection.fetch(
            "SELECT relname, pg_relation_size(oid) AS bytes FROM pg_class "
            "WHERE relnamespace = 'gatepass'::regnamespace AND relname LIKE 'session%' ORDER BY relkind DESC, relname"
        )
        stats = await connection.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd, n_dead_tup, autovacuum_count FROM pg_stat_user_tables "
            "WHERE schemaname = 'gatepass' AND relname = 'session'"
        )
    print(f"\n{subject.count:,} sessions, bytes per session: " + ", ".join(
        f"{size['relname']} {size['bytes'] / subject.count:.0f}" for size in sizes
    ))  # fmt: skip
    updates = max(1, stats["n_tup_upd"])
    print(
        f"  updates {stats['n_tup_upd']:,}, HOT {stats['n_tup_hot_upd'] / updates:.1%}, "
        f"dead rows {stats['n_dead_tup']:,}, autovacuum runs {stats['autovacuum_count']}"
    )


async def _wal(url: str) -> int:
    (position,) = await query(url, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return int(position)


async def _is_new(url: str) -> bool:
    """Whether statistics can be asked for at once (since PostgreSQL 15)."""
    return bool((await query(url, "SELECT current_setting('server_version_num')::int >= 150000"))[0])


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description="Refreshes with many sessions in PostgreSQL, beside few.")
    parser.add_argument("--sessions", type=int, default=200_000)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--setting", action="append", default=[], help="of PostgreSQL: name=value")
    parser.add_argument("--wal", action="store_true", help="what a refresh writes to the log, and no rates")
    parser.add_argument("--share", type=float, default=0.1, help="with --wal: of the sessions are refreshed")
    options = parse(parser, sessions=2_000, few=1_000, seconds=0.2, rounds=1, connections=4)
    if options.wal or options.short:
        with private_server(settings=SETTINGS) as postgres:
            asyncio.run(measure(postgres, (options.few, options.sessions), share=options.share))
    if not options.wal:
        with tempfile.TemporaryDirectory(prefix="gatepass-scale-") as folder:
            asyncio.run(run(options, Path(folder)))


if __name__ == "__main__":
    main()
