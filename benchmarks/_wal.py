"""What a refresh writes to PostgreSQL's log, by the number of sessions, the room on a page, and compression.

The first change of a page after a checkpoint writes that page whole, each later one some hundred bytes. So what counts
is how many refreshes fall on a page between two checkpoints. Here a share of all sessions is refreshed once after one,
in random order, by the store itself, without a server in front. It is a count, which does not depend on the machine's
speed.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks._generated import BINDING, committed_of, fill, sid_of
from gatepass.core.session import NO_FINGERPRINT, Swap
from gatepass.stores.postgres.store import PostgresStore
from tools.services.postgres import PostgresServer, connected, execute, new_database, query

FILL_FACTORS = (100, 80, 50)
COMPRESSIONS = ("off", "lz4")
AT_ONCE = 128
MAX_REFRESHES = 100_000
"""Of ten million sessions one in a hundred is enough: nearly each falls on a page of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One variant. Bytes and pages per refresh; `row` is the size of the table per session."""

    sessions: int
    fill_factor: int
    compression: str
    refreshed: int
    wal: float
    pages: float
    hot: float
    row: float


async def measure(postgres: PostgresServer, counts: Sequence[int], *, share: float) -> None:
    """Fill and measure each variant, and print it as soon as it is there."""
    titles = ("sessions", "fillfactor", "compression", "refreshed", "WAL bytes", "pages whole", "HOT", "row bytes")
    print("".join(f"{title:>13}" for title in titles))
    for count in counts:
        for fill_factor in FILL_FACTORS:
            url = await new_database(postgres)
            await execute(url, f"ALTER TABLE gatepass.session SET (fillfactor = {fill_factor})")
            await fill(url, count, quiet=True)
            for number, compression in enumerate(COMPRESSIONS):
                await execute(postgres.url(), f"ALTER SYSTEM SET wal_compression = {compression}")
                await execute(postgres.url(), "SELECT pg_reload_conf()")
                # Each variant has sessions of its own: all are as they were loaded.
                wanted = min(MAX_REFRESHES, round(count * share))
                line = await refresh_some(url, count, fill_factor, compression, range(number, count, 2), wanted)
                print(
                    f"{line.sessions:13,}{line.fill_factor:13}{line.compression:>13}{line.refreshed:13,}{line.wal:13,.0f}"
                    f"{line.pages:13.2f}{line.hot:13.1%}{line.row:13.0f}",
                    flush=True,
                )
            await execute(postgres.url(), f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


async def refresh_some(url: str, count: int, fill_factor: int, compression: str, numbers: range, wanted: int) -> Line:
    """Refresh that many sessions once after a checkpoint."""
    chosen = random.sample(numbers, min(wanted, len(numbers)))
    store = PostgresStore(url)
    await store.open()
    await execute(url, "VACUUM gatepass.session")
    await execute(url, "CHECKPOINT")
    before, updates = await _written(url), await _updates(url)
    for start in range(0, len(chosen), AT_ONCE):
        rows = await asyncio.gather(*(store.swap(_first(number)) for number in chosen[start : start + AT_ONCE]))
        if None in rows:
            raise SystemExit("a refresh did not apply")
    await store.close()  # a connection that ends counts what it has written
    after = await _written(url)
    done = await _updates(url)
    (size,) = await query(url, "SELECT pg_relation_size('gatepass.session')")
    wal, pages = ((late - early) / len(chosen) for early, late in zip(before, after, strict=True))
    hot = (done[1] - updates[1]) / max(1, done[0] - updates[0])
    return Line(count, fill_factor, compression, len(chosen), wal, pages, hot, size / count)


def _first(number: int) -> Swap:
    sid = sid_of(number)
    return Swap(
        sid=sid,
        expected_generation=-1,
        expected_fingerprint=committed_of(sid),
        expected_binding=BINDING,
        generation=0,
        fingerprint=random.randbytes(16),
        binding=BINDING,
        previous=NO_FINGERPRINT,
        now=int(time.time()),
        ip_prefix="203.0.113.0/24",
    )


async def _written(url: str) -> tuple[int, int]:
    """Bytes of the log so far, and pages that it has whole."""
    async with connected(url) as connection:
        position = await connection.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return position, await connection.fetchval("SELECT wal_fpi FROM pg_stat_wal")


async def _updates(url: str) -> tuple[int, int]:
    """Updates so far, and those that touched no index."""
    async with connected(url) as connection:
        row = await connection.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables "
            "WHERE schemaname = 'gatepass' AND relname = 'session'"
        )
    return row["n_tup_upd"], row["n_tup_hot_upd"]
