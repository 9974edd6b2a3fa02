"""Gatepass beside other systems, in one run: refreshes per second, races, used tokens; prints a page.

    python3 run.py bench peers [--write docs/project/peers.md] [--seconds 1] [--rounds 12] [--connections 32]

Each peer runs its documented use in an environment of its own (`~/.cache/gatepass/peers`), which pip and npm fill at
the first start: that takes minutes, and is not part of the measurement. A peer that cannot be installed is named with
the reason. --short installs nothing, and measures what is there. The caveats are on the page.
"""

import argparse
import asyncio
import contextlib
import datetime
import functools
import os
import platform
import random
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._browsers import Browser, Slice, connected, load, signed_in, wait_for
from benchmarks._floors import Pgbench
from benchmarks._options import parse
from benchmarks._peers import browser
from benchmarks._peers.page import GATEPASS, Row, Run, page
from benchmarks._peers.peer import Absent, Peer
from benchmarks._peers.peers import FLOOR, PEERS
from benchmarks._peers.trials import try_out
from benchmarks._processes import cpu_of, gatepass
from tools.services.postgres import PostgresServer, new_database, private_server, query

OURS = ("its row: one compare-and-swap", "a hash of the token's MAC and of the key; Argon2id")

SETTINGS = ("max_connections=300", "timezone=UTC")
"""Room for the pools of all. epok-auth fails where the server has another name for UTC, such as Etc/UTC."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A row with what measures it: so many connections, for so many seconds."""

    row: Row
    measure: Callable[[int, float], Awaitable[Slice]]
    new: Callable[[], browser.PeerBrowser] | None = None

    async def turn(self, many: int, seconds: float) -> tuple[Slice, Slice]:
        """A slice with many connections and a shorter one with a single one."""
        return await self.measure(many, seconds), await self.measure(1, seconds / 3)


class Machine:
    """PostgreSQL, and the servers on it."""

    def __init__(self, postgres: PostgresServer, folder: Path, stack: contextlib.AsyncExitStack) -> None:
        self._postgres, self._folder, self._stack = postgres, folder, stack

    async def peer(self, peer: Peer, connections: int) -> Subject:
        """A peer with its browsers signed in. Raises Absent."""
        url = await new_database(self._postgres, migrated=False)
        process, port = self._stack.enter_context(peer.running(url, self._folder))
        await until_it_listens(process, port, self._folder / f"{peer.name}.log")
        new = functools.partial(peer.browser, port)
        browsers = [new() for _ in range(connections)]
        try:
            for each in browsers:
                async with connected([each]):
                    await each.enter()
                    await each.refresh()
        except SystemExit as refused:
            raise Absent(f"does not work here: {refused}") from None
        named = ", ".join(f"{name} {version}" for name, version in peer.versions().items()) if peer.packages else ""
        trials = new if peer.packages else None
        return Subject(Row(peer.name, peer.persists, peer.hashes, named), self._loads(process.pid, browsers), trials)

    async def gatepass(self, connections: int) -> Subject:
        """Gatepass itself."""
        pid, port = self._stack.enter_context(gatepass(self._folder, await new_database(self._postgres)))
        browsers = await signed_in(port, connections)
        row = Row(GATEPASS, *OURS, "this tree")
        return Subject(row, self._loads(pid, browsers), functools.partial(browser.Gatepass, port))

    async def pgbench(self) -> Subject | None:
        """The same statement alone."""
        if not Pgbench.find():
            return None
        bench = Pgbench(await new_database(self._postgres), self._folder)
        await bench.prepare()

        async def measure(clients: int, seconds: float) -> Slice:
            wal, cpu = await self._wal(), cpu_of(self._postgres.pid)
            done = await bench.run(clients, max(1, round(seconds)))
            done.wal, done.store_cpu = await self._wal() - wal, cpu_of(self._postgres.pid) - cpu
            return done

        return Subject(Row("pgbench", "one compare-and-swap", "", ""), measure)

    def _loads(self, pid: int, browsers: Sequence[Browser]) -> Callable[[int, float], Awaitable[Slice]]:
        async def measure(count: int, seconds: float) -> Slice:
            wal = await self._wal()
            store = functools.partial(cpu_of, self._postgres.pid)
            done = await load(browsers[:count], seconds, server_cpu=lambda: cpu_of(pid), store_cpu=store)
            done.wal = await self._wal() - wal
            return done

        return measure

    async def _wal(self) -> int:
        (position,) = await query(self._postgres.url(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return int(position)


async def until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Raises Absent with the last line of its log if it ends before."""
    listening = asyncio.create_task(wait_for(port))
    while not listening.done():
        if process.poll() is not None:
            listening.cancel()
            raise Absent(f"did not start: {last_line(log)}")
        await asyncio.wait([listening], timeout=0.2)
    await listening


def last_line(log: Path) -> str:
    """Where a program says why it ends."""
    return (log.read_text().strip() or "it said nothing").splitlines()[-1]


def installed(absent: dict[str, str], *, install: bool) -> Iterator[Peer]:
    """The peers that are there, in the end; `absent` gets the reasons of the others."""
    for peer in (FLOOR, *PEERS):
        try:
            peer.provide(install=install)
            yield peer
        except Absent as reason:
            absent[peer.name] = str(reason)


async def measure(options: argparse.Namespace, folder: Path) -> str:
    """Install, start all, measure in turn, and write the page."""
    busy = os.getloadavg()[0]  # before anything of this is started
    absent: dict[str, str] = {}
    subjects: list[Subject] = []
    async with contextlib.AsyncExitStack() as stack:
        postgres = stack.enter_context(private_server(settings=SETTINGS))
        machine = Machine(postgres, folder, stack)
        here = list(installed(absent, install=not options.short))
        opened = [machine.peer(peer, options.connections) for peer in here]
        for peer, subject in zip(here, await asyncio.gather(*opened, return_exceptions=True), strict=True):
            match subject:
                case Subject():
                    subjects.append(subject)
                case Absent():
                    absent[peer.name] = str(subject)
                case BaseException():
                    raise subject
        subjects.append(await machine.gatepass(options.connections))
        if bench := await machine.pgbench():
            subjects.append(bench)
        run = described(options, (await query(postgres.url(), "SHOW server_version"))[0], busy)
        for number in range(options.rounds + 1):
            for subject in random.sample(subjects, len(subjects)):
                many, one = await subject.turn(options.connections, options.seconds)
                if number:
                    subject.row.many.append(many)
                    subject.row.one.append(one)
        rows = [await tried(subject, options.trials) for subject in subjects]
    return page(run, rows, absent)


async def tried(subject: Subject, times: int) -> Row:
    """Its row, with the trials of those that are products."""
    if subject.new:
        subject.row.trials = await try_out(subject.new, times)
    return subject.row


def described(options: argparse.Namespace, postgres: str, busy: float) -> Run:
    """What a reader must know of the run."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    words = (f"{os.cpu_count()} cores", model.partition(":")[2].strip(), platform.platform(terse=True))
    return Run(
        command="python3 run.py bench peers --write docs/project/peers.md",
        date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        machine=", ".join((*words, f"Python {platform.python_version()}")),
        load=f"otherwise idle (load {busy:.1f})" if busy < 1.5 else f"busy with other programs (load {busy:.1f})",
        postgres=postgres.split()[0],
        seconds=options.seconds,
        connections=options.connections,
        rounds=options.rounds,
        trials=options.trials,
    )


def main() -> None:
    """Parse, measure, print or write."""
    parser = argparse.ArgumentParser(description="Gatepass beside other systems, in one run.")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page goes there, in place of standard output")
    options = parse(parser, seconds=0.2, rounds=1, connections=4, trials=1)
    with tempfile.TemporaryDirectory(prefix="gatepass-peers-") as folder:
        text = asyncio.run(measure(options, Path(folder)))
    if options.write and not options.short:  # what measures nothing is not published
        options.write.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
