"""Where the time of a refresh goes: microseconds of CPU of each stage, on each store, beside the least it can cost.

    python3 run.py bench profile [--store memory sqlite postgres] [--rounds 200] [--whole]

Refreshes go whole through a gate that is open: requests as bytes into the protocol of `gatepass serve`, responses out,
32 connections at a time; the only fake is the socket. *In place* (a column for each store) is what each function of the
server takes while they do (`_in_place.py`). *Alone* is the same function called in a loop, with what it gets in a
refresh: without the cold caches that it has in place, so what is between the two columns is what all the other code
costs it. *Floor*: the same result by the shortest way in Python, without the checks and the bounds, in a loop too.

CPU is that of this process with all of its threads: that of SQLite is in it, a database server is not. Other programs
on the machine are not in it either, but their use of the caches and of the other half of a core is. So each figure is
the first decile of all rounds. *Elsewhere* is the event loop and what no row has. `--whole` measures the last row
alone, so that two trees can be measured in turn.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uvloop

from benchmarks._engines import ENGINES
from benchmarks._floors import raw_sqlite
from benchmarks._in_place import STORE, watching
from benchmarks._in_process import Line, Server, serving
from benchmarks._options import parse
from benchmarks._stages import CALLS, Exchange, stages

LINES = 32
"""Connections at a time."""
BLOCK = 10
"""Rounds that are watched, and that are not, in turn."""
ELSEWHERE, WHOLE = "elsewhere", "all of it"
Rounds = defaultdict[str, list[float]]
"""Microseconds by row, round by round."""


async def measure(name: str, options: argparse.Namespace, folder: Path) -> tuple[Rounds, Rounds, Rounds]:
    """In place, alone, floors."""
    place = folder / name
    place.mkdir()
    in_place, alone, floors = Rounds(list), Rounds(list), Rounds(list)
    async with ENGINES[name](place) as engine, serving(engine.store, sessions=engine.sessions) as server:
        lines = await server.sign_in(LINES)
        if options.whole:
            in_place[WHOLE] = [await whole(lines) for _ in range(options.rounds)]
            return in_place, alone, floors
        await measure_in_place(server, lines, in_place, options.rounds)
        if name == options.store[0]:
            await measure_alone(server, lines[0], alone, floors, options.rounds)
        if (floor := store_floor(name, place)) is not None:
            floors[STORE] = [floor() for _ in range(options.rounds)]
    return in_place, alone, floors


async def measure_in_place(server: Server, lines: Sequence[Line], rows: Rounds, rounds: int) -> None:
    """Refreshes, watched and not watched in turn."""
    for _ in range(0, rounds, BLOCK):
        bare = [await whole(lines) for _ in range(BLOCK)]
        rows[WHOLE] += bare
        with watching(server.gate) as spent:
            await whole(lines)
            for _ in range(BLOCK):
                spent.clear()
                extra = await whole(lines) - statistics.median(bare)
                for name, each in spent.microseconds(LINES, extra=extra).items():
                    rows[name].append(each)


async def measure_alone(server: Server, line: Line, rows: Rounds, floors: Rounds, rounds: int) -> None:
    """Each stage in a loop."""
    one = Exchange(server)
    await one.happen(line)
    parts = stages(one, server.journal)
    for _ in range(rounds):
        for part in parts:
            if part.act is not None:
                rows[part.name].append(timed(part.act))
            if part.floor is not None:
                floors[part.name].append(timed(part.floor))
    for part in parts:
        least = sum(decile(rows[name]) for name in part.without)
        rows[part.name] = [each - least for each in rows[part.name]]


async def whole(lines: Sequence[Line]) -> float:
    """Microseconds of CPU of one refresh, from the bytes of a request to those of its response, all lines at a time."""
    requests = [line.request() for line in lines]
    begun = time.process_time_ns()
    for line, request in zip(lines, requests, strict=True):
        line.give(request)
    for line in lines:
        await line.answer()
    spent = time.process_time_ns() - begun
    for line in lines:
        line.take(await line.answer())
    return spent / len(lines) / 1000


def timed(act: Callable[[], object]) -> float:
    """Microseconds of CPU of one call of a stage."""
    begun = time.process_time_ns()
    act()
    return (time.process_time_ns() - begun) / CALLS / 1000


def store_floor(name: str, place: Path) -> Callable[[], float] | None:
    """The bare statement, where it runs in this process: so many swaps in a commit."""
    if name != "sqlite":
        return None
    swap = raw_sqlite(place, per_commit=LINES)

    def act() -> float:
        begun = time.process_time_ns()
        done = swap(0.002).done
        return (time.process_time_ns() - begun) / done / 1000

    return act


def decile(values: Sequence[float]) -> float:
    """The value that a tenth of all lies below."""
    return sorted(values)[len(values) // 10]


def report(tables: Mapping[str, tuple[Rounds, Rounds, Rounds]]) -> None:
    """A column in place for each store; alone and floor are the same for all."""
    columns = [{name: decile(values) for name, values in in_place.items()} for in_place, _, _ in tables.values()]
    for column in columns:
        column[ELSEWHERE] = column[WHOLE] - sum(spent for name, spent in column.items() if name != WHOLE)
        column[WHOLE] = column.pop(WHOLE)
    columns += [
        {name: decile(rows) for table in tables.values() for name, rows in table[kind].items() if rows}
        for kind in (1, 2)
    ]
    print(f"{'µs of CPU':40}" + "".join(f"{title:>10}" for title in (*tables, "alone", "floor")))
    for name in columns[0]:
        cells = (f"{column[name]:10.1f}" if name in column else f"{'–':>10}" for column in columns)
        print(f"{name:40}{''.join(cells)}")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Where the time of a refresh goes, stage by stage.")
    parser.add_argument("--store", nargs="+", choices=sorted(ENGINES), default=["memory", "sqlite", "postgres"])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--whole", action="store_true", help="all of it, and no stages")
    options = parse(parser, store=["memory"], rounds=2)
    with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder:
        report({name: uvloop.run(measure(name, options, Path(folder))) for name in options.store})


if __name__ == "__main__":
    main()
