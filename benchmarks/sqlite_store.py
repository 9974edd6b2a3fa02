"""Swaps per second of the SQLite store through asyncio, beside the same statement in a plain loop.

    python3 run.py bench sqlite_store [--seconds 1] [--rounds 9] [--callers 1 32]

Says what the store itself costs: queue, thread, futures, rows to objects. Every row of the table runs the same
UPDATE on the same schema with the flushes of a refresh (WAL, synchronous=NORMAL). Each round measures each row for a
slice of time, in turn, because the speed of a machine drifts: compare ratios inside one run, medians over the rounds.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks._options import parse
from gatepass.core.session import Session, Swap
from gatepass.stores.sqlite.store import _SWAP, SQLiteStore
from gatepass.testing.records import NOW, account_of, session_of

SESSIONS = 1_000
FINGERPRINTS = [number.to_bytes(16, "big") for number in range(4_096)]


def next_swap(session: Session) -> Swap:
    """The swap after a row, as cheap as can be: this is not what is measured."""
    generation = session.generation + 1
    return Swap(
        sid=session.sid,
        expected_generation=session.generation,
        expected_fingerprint=session.fingerprint,
        expected_binding=session.binding,
        generation=generation,
        fingerprint=FINGERPRINTS[generation % len(FINGERPRINTS)],
        binding=session.binding,
        previous=session.previous,
        now=NOW,
        ip_prefix="192.0.2.0/24",
    )


async def filled(path: Path) -> tuple[SQLiteStore, list[Session]]:
    """An open store with an account's sessions."""
    store = SQLiteStore(path)
    await store.open()
    account = account_of()
    await store.add_account(account)
    sessions = [session_of(account, f"{number}") for number in range(SESSIONS)]
    await asyncio.gather(*(store.add(session, credential_version=1) for session in sessions))
    return store, sessions


def raw(path: Path, sessions: list[Session], *, per_commit: int) -> Callable[[float], float]:
    """The statement alone, on one connection, so many in a commit; its rate in a slice of time."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    connection.execute("PRAGMA synchronous=NORMAL")
    rows_now = list(sessions)

    def swap(place: int) -> None:
        session, change = rows_now[place], next_swap(rows_now[place])
        values = (change.generation, change.fingerprint, change.binding, change.previous, change.now, change.ip_prefix)
        expected = (session.sid, session.generation, session.fingerprint, session.binding, change.now)
        row = connection.execute(_SWAP, (*values, *expected, change.shown_device)).fetchone()
        assert row is not None
        rows_now[place] = replace(session, generation=change.generation, fingerprint=change.fingerprint)

    def run(seconds: float) -> float:
        start, done = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(per_commit):
                swap(done % SESSIONS)
                done += 1
            connection.execute("COMMIT")
        return done / (time.perf_counter() - start)

    return run


async def through_the_store(store: SQLiteStore, sessions: list[Session], *, callers: int, seconds: float) -> float:
    """So many callers at once, each with its own sessions, one swap after the other; their rate together."""
    start, done = time.perf_counter(), 0

    async def call(first: int) -> None:
        nonlocal done
        place = first
        while time.perf_counter() < start + seconds:
            row = await store.swap(next_swap(sessions[place]))
            assert row is not None
            sessions[place] = row
            done += 1
            place = (place + callers) % (SESSIONS // callers * callers)

    await asyncio.gather(*(call(number) for number in range(callers)))
    return done / (time.perf_counter() - start)


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """All rows, round by round; the first round warms caches and is not counted."""
    alone_store, alone_sessions = await filled(folder / "alone.db")
    await alone_store.close()
    grouped_store, grouped_sessions = await filled(folder / "grouped.db")
    await grouped_store.close()
    alone = raw(folder / "alone.db", alone_sessions, per_commit=1)
    grouped = raw(folder / "grouped.db", grouped_sessions, per_commit=50)
    store, sessions = await filled(folder / "store.db")
    rates: dict[str, list[float]] = {}
    for number in range(options.rounds + 1):
        turn = {"raw, a commit each": alone(options.seconds), "raw, 50 a commit": grouped(options.seconds)}
        for callers in options.callers:
            name = f"store, {callers} caller{'s' * (callers > 1)}"
            turn[name] = await through_the_store(store, sessions, callers=callers, seconds=options.seconds)
        if number:
            for name, rate in turn.items():
                rates.setdefault(name, []).append(rate)
    await store.close()
    return rates


def report(rates: dict[str, list[float]]) -> None:
    """Ratios first: medians of the ratios inside each round."""
    print(f"{'':22}{'of raw alone':>14}{'of raw grouped':>16}{'per s':>9}")
    for name, found in rates.items():
        alone, grouped = (
            statistics.median(rate / base for rate, base in zip(found, rates[row], strict=True))
            for row in ("raw, a commit each", "raw, 50 a commit")
        )
        print(f"{name:22}{alone:14.2f}{grouped:16.2f}{statistics.median(found):9.0f}")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Swaps per second of the SQLite store.")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32])
    options = parse(parser, seconds=0.1, rounds=1, callers=[1, 4])
    with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder:
        report(asyncio.run(measure(options, Path(folder))))


if __name__ == "__main__":
    main()
