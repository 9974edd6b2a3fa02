"""What a Valkey Cluster of several primaries carries: refreshes over HTTP, and what each primary does for one.

    python3 run.py bench cluster [--sessions 6000] [--seconds 3] [--rounds 5] [--connections 32]

Caveats first. Two cores are shared by all Valkey servers, the server and the load generator, so more primaries cannot
make anything faster here. What can be measured is the price: whether a refresh costs the store more when sessions are
spread, how evenly they lie, and what the busiest primary spends on any refresh. A cluster whose primaries
have a core each carries one second divided by that: the last column, computed, with no core left free.

The layouts are interleaved round by round, the first round is not counted, figures are medians. Every server keeps an
append-only file that is flushed every second. Each request refreshes another session; they were started in the store
directly, with the server's secret. Accounts are in a SQLite file that no refresh looks at.
"""

import argparse
import asyncio
import contextlib
import secrets
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._browsers import Browser, Slice, load, wait_for
from benchmarks._options import parse
from benchmarks._processes import cpu_of, gatepass
from gatepass import Gatepass
from gatepass.core.secret import Secret
from gatepass.sessions.service import Caller
from gatepass.system import new_secret
from gatepass.testing.clock import FastHasher
from tools.services import valkey
from tools.services.valkey import ValkeyServer

LAYOUTS = ("one server", "1 primary", "3 primaries", "3 primaries, 3 replicas")
DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec")


class Crowd(Browser):
    """One connection that refreshes many sessions in turn."""

    def __init__(self, port: int, jars: Sequence[dict[str, str]]) -> None:
        super().__init__(port)
        self._jars = jars
        self._turn = 0

    async def refresh(self) -> None:
        """The next session's."""
        self.cookies = self._jars[self._turn % len(self._jars)]
        self._turn += 1
        await super().refresh()


@dataclass(slots=True)
class Subject:
    """A layout with a server on it, sessions in it, and what its primaries were seen to do."""

    name: str
    pid: int
    crowds: list[Crowd]
    primaries: Sequence[ValkeyServer]
    others: Sequence[ValkeyServer]
    slices: list[Slice] = field(default_factory=list)
    busiest: list[float] = field(default_factory=list)

    async def measure(self, seconds: float, *, counts: bool) -> None:
        """One round."""
        before = [cpu_of(server.pid) for server in self.primaries]
        measured = await load(self.crowds, seconds, server_cpu=lambda: cpu_of(self.pid), store_cpu=lambda: self._cpu())
        used = [cpu_of(server.pid) - was for server, was in zip(self.primaries, before, strict=True)]
        if counts:
            self.slices.append(measured)
            self.busiest.append(max(used) / measured.done)

    def _cpu(self) -> float:
        return sum(cpu_of(server.pid) for server in (*self.primaries, *self.others))

    def fullest(self) -> float:
        """The share of the keys that lies on the fullest primary, times their number: 1 is perfectly even."""
        sizes = [int(server.ask("DBSIZE")) for server in self.primaries]
        return max(sizes) * len(sizes) / sum(sizes)


async def open_subject(
    stack: contextlib.AsyncExitStack, name: str, options: argparse.Namespace, folder: Path
) -> Subject:
    """Start a layout and a server on it, and fill it."""
    if name == LAYOUTS[0]:
        single = stack.enter_context(valkey.private_server())
        url, primaries, others = single.url, [single], list[ValkeyServer]()
    else:
        count, replicated = int(name[0]), "replicas" in name
        cluster = stack.enter_context(valkey.private_cluster(*DURABLE, primaries=count, replicated=replicated))
        url, primaries, others = cluster.url, cluster.primaries, cluster.replicas
    place = folder / name
    place.mkdir()
    store, secret = f"sqlite:///{place / 'accounts.db'}", new_secret()
    pid, port = stack.enter_context(gatepass(place, store, sessions=url, secret=secret))
    await wait_for(port)
    jars = await fill(store, url, secret=secret, port=port, count=options.sessions)
    crowds = [Crowd(port, jars[number :: options.connections]) for number in range(options.connections)]
    return Subject(name, pid, crowds, primaries, others)


async def fill(store: str, sessions: str, *, secret: str, port: int, count: int) -> list[dict[str, str]]:
    """Start so many sessions; their cookies."""
    gate = Gatepass(
        secrets=[secret], public_url=f"http://localhost:{port}", store=store, sessions=sessions, hasher=FastHasher()
    )
    jars = []
    async with gate.running():
        for number in range(count):
            if number % 50 == 0:
                email = f"{number}@example.com"
                account = await gate.accounts.add(email, Secret(secrets.token_urlsafe(20)), email_key=email)
            grant = await gate.sessions.sign_in(account, caller=Caller("bench", ""), remember=True)
            if grant is None:
                raise SystemExit("a session could not be started")
            token = grant.token
            state = f"{token.sid.hex()}.{token.generation}.{token.challenge}.{token.expires_at}"
            jars.append({f"gatepass_{port}": grant.text, f"gatepass_state_{port}": state})
    return jars


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """All layouts, round by round."""
    async with contextlib.AsyncExitStack() as stack:
        subjects = [await open_subject(stack, name, options, folder) for name in LAYOUTS]
        for number in range(options.rounds + 1):
            for subject in subjects:
                await subject.measure(options.seconds, counts=number > 0)
        report(subjects)


def report(subjects: Sequence[Subject]) -> None:
    """Ratios to the single server first."""
    titles = (
        "rate, ratio",
        "store CPU, ratio",
        "per s",
        "p99 ms",
        "server CPU ms",
        "store CPU ms",
        "fullest",
        "busiest",
    )
    print(f"{'':26}" + "".join(f"{title:>18}" for title in (*titles, "carries, per s")))
    base = subjects[0]
    for subject in subjects:
        rates = [part.rate / other.rate for part, other in zip(subject.slices, base.slices, strict=True)]
        latencies = sorted(latency for part in subject.slices for latency in part.latencies)
        store = statistics.median(part.store_cpu / part.done for part in subject.slices)
        single = statistics.median(part.store_cpu / part.done for part in base.slices)
        busiest = statistics.median(subject.busiest)
        cells = (
            f"{statistics.median(rates):.2f}",
            f"{store / single:.2f}" if single else "–",
            f"{statistics.median(part.rate for part in subject.slices):.0f}",
            f"{latencies[int(len(latencies) * 0.99)] * 1000:.1f}",
            f"{statistics.median(part.server_cpu / part.done for part in subject.slices) * 1000:.3f}",
            f"{store * 1000:.4f}",
            f"{subject.fullest():.2f}",
            f"{busiest * 1000:.4f}",
            f"{1 / busiest:.0f}" if busiest else "–",  # less than a tick of the clock that counts CPU
        )
        print(f"{subject.name:26}" + "".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Refreshes on a Valkey Cluster, beside a single server.")
    parser.add_argument("--sessions", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    options = parse(parser, sessions=64, seconds=0.2, rounds=1, connections=4)
    with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder:
        asyncio.run(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
