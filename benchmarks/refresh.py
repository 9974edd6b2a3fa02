"""Refreshes per second over HTTP, for each store, beside its floors in the same run.

    python3 run.py bench refresh [--store sqlite postgres memory] [--seconds 2] [--rounds 7] [--connections 1 32]

Caveats first. Server, store and load generator share this machine's cores, and its speed drifts from minute to
minute: compare ratios inside one run, not figures of two runs. Every round measures each row for a slice of time, in
turn; a ratio is taken inside each round, and the table shows medians over the rounds. The first is not counted.

A whole refresh is measured: cross-site check, MAC, one committed row, a signed Ed25519 access token, both cookies, an
audit event. Every answer must be a 200 that advances by one generation. Beside it: the *fixed reply*, an application
that gives the same bytes on the same server and does nothing; for SQLite the same UPDATE at the same setting in one
thread; for PostgreSQL `pgbench` with the store's own statement on a table of its own (100,000 rows; the refreshes have
as many rows as connections). Stores and servers are started here, and stopped.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._browsers import Browser, Slice, connected, load, signed_in, wait_for
from benchmarks._engines import ENGINES, Engine
from benchmarks._options import parse
from benchmarks._processes import cpu_of, fixed_reply, gatepass

Rows = dict[str, list[Slice]]
FIXED = "fixed reply"


@dataclass(frozen=True, slots=True)
class Subject:
    """A store with a server on it and browsers signed in there."""

    engine: Engine
    pid: int
    browsers: list[Browser]

    async def measure(self, count: int, seconds: float) -> Slice:
        """So many of its browsers, for so long."""
        before = await self.engine.wal()
        measured = await load(
            self.browsers[:count], seconds, server_cpu=lambda: cpu_of(self.pid), store_cpu=self.engine.store_cpu
        )
        measured.wal = await self.engine.wal() - before
        return measured


async def measure(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Rows], Rows]:
    """The rows of each store, and those of the fixed reply, round by round."""
    async with contextlib.AsyncExitStack() as stack:
        subjects = [await open_subject(stack, name, options, folder) for name in options.store]
        fixed = await open_fixed(stack, subjects[0].browsers, folder)
        stores: dict[str, Rows] = {subject.engine.name: {} for subject in subjects}
        common: Rows = {}
        for number in range(options.rounds + 1):
            for subject in subjects:
                turn = {name: await floor(options.seconds) for name, floor in subject.engine.floors.items()}
                for count in options.connections:
                    turn[refresh_name(count)] = await subject.measure(count, options.seconds)
                keep(turn, stores[subject.engine.name], number)
            turn = {fixed_name(count): await answer(fixed[:count], options.seconds) for count in options.connections}
            keep(turn, common, number)
    return stores, common


async def open_subject(
    stack: contextlib.AsyncExitStack, name: str, options: argparse.Namespace, folder: Path
) -> Subject:
    """Start a store and a server on it, and sign in."""
    place = folder / name
    place.mkdir()
    engine = await stack.enter_async_context(ENGINES[name](place))
    workers = options.workers if name == "postgres" else 1
    pid, port = stack.enter_context(gatepass(place, engine.store, sessions=engine.sessions, workers=workers))
    return Subject(engine, pid, await signed_in(port, max(options.connections)))


async def open_fixed(stack: contextlib.AsyncExitStack, like: Sequence[Browser], folder: Path) -> list[Browser]:
    """A server that always gives the answer that the first browser gets now, and a browser for each of `like`."""
    async with connected(like[:1]):
        await like[0].refresh()
    _, port = stack.enter_context(fixed_reply(folder, like[0].raw))
    await wait_for(port)
    browsers = []
    for model in like:
        browser = Browser(port)
        browser.cookies = {name.replace(str(model.port), str(port)): value for name, value in model.cookies.items()}
        browsers.append(browser)
    return browsers


async def answer(browsers: Sequence[Browser], seconds: float) -> Slice:
    """The fixed reply to the same requests."""
    return await load(browsers, seconds, server_cpu=lambda: 0.0, store_cpu=lambda: 0.0, advances=False)


def keep(turn: Mapping[str, Slice], rows: Rows, number: int) -> None:
    """Add a round; the first warms caches and is not counted."""
    for name, measured in turn.items() if number else ():
        rows.setdefault(name, []).append(measured)


def refresh_name(count: int) -> str:
    return f"refresh, {count} conn."


def fixed_name(count: int) -> str:
    return f"{FIXED}, {count} conn."


def ratio(parts: Sequence[Slice], base: Sequence[Slice] | None) -> str:
    """The median over the rounds of the ratio in each; without those in which the base did nothing."""
    rounds = [part.rate / other.rate for part, other in zip(parts, base or parts, strict=True) if other.done]
    return f"{statistics.median(rounds):.2f}" if base and rounds else "–"


def report(stores: Mapping[str, Rows], common: Rows, connections: Sequence[int]) -> None:
    """Ratios first."""
    titles = ("of floor", "of fixed", "per s", "p50 ms", "p99 ms", "server CPU ms", "store CPU ms", "WAL bytes")
    print(f"{'':34}" + "".join(f"{title:>15}" for title in titles))
    for store, rows in stores.items():
        for count in connections:
            parts = rows[refresh_name(count)]
            floors = [name for name in rows if "refresh" not in name]
            floor = next((name for name in floors if f" {count} client" in name), floors[0] if floors else "")
            cells = [ratio(parts, rows.get(floor)), ratio(parts, common[fixed_name(count)]), *figures(parts)]
            print(f"{store + ', ' + refresh_name(count):34}" + "".join(f"{cell:>15}" for cell in cells))
    print("\nFloors of this run")
    for store, rows in [*stores.items(), ("HTTP", common)]:
        for name in (name for name in rows if "refresh" not in name):
            rate = statistics.median(part.rate for part in rows[name])
            print(f"{store + ', ' + name:49}{'':15}{rate:15.0f}")


def figures(parts: Sequence[Slice]) -> list[str]:
    """Rate, latencies, and what a refresh costs."""
    latencies = sorted(latency for part in parts for latency in part.latencies)
    p50, p99 = (latencies[int(len(latencies) * quantile)] * 1000 for quantile in (0.5, 0.99))

    def each(amount: Callable[[Slice], float]) -> float:
        return statistics.median(amount(part) / part.done for part in parts)

    return [
        f"{statistics.median(part.rate for part in parts):.0f}",
        f"{p50:.2f}",
        f"{p99:.2f}",
        f"{each(lambda part: part.server_cpu) * 1000:.3f}",
        f"{each(lambda part: part.store_cpu) * 1000:.3f}",
        f"{each(lambda part: part.wal):.0f}",
    ]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Refreshes per second over HTTP, beside the floors.")
    parser.add_argument("--store", nargs="+", choices=sorted(ENGINES), default=["sqlite"])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--workers", type=int, default=1, help="server processes, where the store can be shared")
    options = parse(parser, store=sorted(ENGINES), seconds=0.2, rounds=1, connections=[1, 4])
    with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder:
        report(*asyncio.run(measure(options, Path(folder))), options.connections)


if __name__ == "__main__":
    main()
