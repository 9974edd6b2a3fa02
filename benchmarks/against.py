"""Refreshes over HTTP of this checkout beside those of another one: what a change costs, slice by slice in turn.

    python3 run.py bench against [TREE] [--store sqlite postgres redis] [--seconds 1] [--rounds 12] [--connections 32]

TREE is a checkout of another revision (`git worktree add TREE REVISION`), which must run on the packages of this one;
without it this checkout is measured against itself, which shows how much of a difference is noise.

Each tree runs its own server, stores and load generator, all at once and all the time; only one of them has load at any
moment. A round gives each tree a slice of each store, and the next round goes the other way round. Ratios are taken
inside a round, tables show their medians and quartiles. Server CPU is what the kernel has charged to the processes: on
a busy machine it is steadier than the rate. The first round is not counted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks._options import parse
from benchmarks.refresh import open_subject

ROOT = Path(__file__).resolve().parents[1]
STORES = ("sqlite", "postgres", "redis", "memory")
MEASURE = "--measure"
"""How this program starts itself in each tree."""
Figures = Mapping[str, float]
TITLES: Mapping[str, Callable[[Figures], float]] = {
    "per s": lambda one: one["done"] / one["seconds"],
    "server CPU µs": lambda one: one["server_cpu"] / one["done"] * 1e6,
    "store CPU µs": lambda one: one["store_cpu"] / one["done"] * 1e6,
    "WAL bytes": lambda one: one["wal"] / one["done"],
}


async def measure(options: argparse.Namespace) -> None:
    """Inside a tree: for each line of stdin, which names a store, measure a slice and print it."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepass-bench-")))
        subjects = {name: await open_subject(stack, name, options, folder) for name in options.store}
        print("ready", flush=True)
        while name := (await asyncio.to_thread(sys.stdin.readline)).strip():
            (connections,) = options.connections
            slice_ = await subjects[name].measure(connections, options.seconds)
            figures = {key: getattr(slice_, key) for key in ("done", "seconds", "server_cpu", "store_cpu", "wal")}
            print(json.dumps(figures), flush=True)


class Tree:
    """A checkout with its servers."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        # This very file, with the modules of the tree: an older one has no such benchmark.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder / "src"), str(folder)))}
        program = f"import runpy; runpy.run_path({str(Path(__file__))!r}, run_name='__main__')"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments, MEASURE],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a tree ended: see above")
        return line

    def run(self, store: str) -> Figures:
        """A slice of load."""
        assert self._process.stdin is not None
        self._process.stdin.write(store + "\n")
        self._process.stdin.flush()
        figures: Figures = json.loads(self.answer())
        return figures

    def close(self) -> None:
        """End it and its servers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@contextlib.contextmanager
def trees(folders: Sequence[Path], arguments: Sequence[str]) -> Iterator[list[Tree]]:
    """Both, once their servers answer."""
    started: list[Tree] = []
    try:
        for folder in folders:
            started.append(Tree(folder, arguments))
            started[-1].answer()
        yield started
    finally:
        for tree in started:
            tree.close()


def compare(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Alternate, and print medians."""
    with trees((options.tree, ROOT), arguments) as (other, here):
        rounds: list[dict[str, tuple[Figures, Figures]]] = []
        for number in range(options.rounds + 1):
            turn: dict[str, tuple[Figures, Figures]] = {}
            for store in options.store:
                first, second = (here, other) if number % 2 else (other, here)
                one, two = first.run(store), second.run(store)
                turn[store] = (two, one) if number % 2 else (one, two)
            if number:
                rounds.append(turn)
    print(f"{'':26}{'there':>10}{'here':>10}{'ratio':>10}{'quartiles of the ratio':>26}")
    for store in options.store:
        for title, figure in TITLES.items():
            pairs = [(figure(there), figure(here)) for there, here in (turn[store] for turn in rounds)]
            if any(there for there, _ in pairs):
                print(f"{store + ', ' + title:26}{row(pairs)}")


def row(pairs: Sequence[tuple[float, float]]) -> str:
    """Medians of both, and of their ratio."""
    there, here = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = [after / before for before, after in pairs if before]  # the kernel counts in hundredths of a second
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{there:10.1f}{here:10.1f}{middle:10.3f}{f'{low:.3f} to {high:.3f}':>26}"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Refreshes over HTTP of this checkout beside those of another one.")
    parser.add_argument("tree", nargs="?", type=lambda text: Path(text).resolve(), default=ROOT)
    parser.add_argument("--store", nargs="+", choices=STORES, default=list(STORES[:3]))
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--connections", type=int, nargs=1, default=[32])
    parser.add_argument(MEASURE, action="store_true", help=argparse.SUPPRESS)
    options = parse(parser, store=["sqlite"], seconds=0.2, rounds=1, connections=[4])
    options.workers = 1
    if options.measure:
        asyncio.run(measure(options))
    else:
        compare(options, sys.argv[1:])


if __name__ == "__main__":
    main()
