"""What a flood of sign-ins does to everybody else, and what share of the machine's hashing it gets.

    python3 run.py bench flood [--store sqlite memory] [--seconds 3] [--rounds 7] [--sign-ins 16]

Caveats first. Server, flood and measurement share this machine's cores: an idle desktop's figures differ from a busy
server's. Ratios are taken between slices of one round, and the table shows their medians over the rounds; the first
round is not counted.

Each round has three slices. *Quiet*: guarded GETs and refreshes arrive at a fixed modest rate, over keep-alive
connections, and nothing else happens. *Flood*: the same beside sign-ins in a closed loop, so many at once, from a
process of their own; every one must succeed. *Bare*: the server idles while as many threads as it hashes with do
nothing but its Argon2id. A request's time counts from when it was due, if the one before it on its connection was late.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from argon2 import PasswordHasher

from benchmarks._browsers import PASSWORD, Browser, connected, wait_for
from benchmarks._options import parse
from benchmarks._processes import gatepass
from gatepass.accounts.passwords.hashing import FLOOR

PROBES = 4
"""Connections for each kind of request: a slow answer must not hold back the next request."""
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Turn:
    """The latencies of one slice, seconds, and how many sign-ins a second there were."""

    gets: list[float] = field(default_factory=list)
    refreshes: list[float] = field(default_factory=list)
    sign_ins: float = 0.0


class Probe(Browser):
    """A signed-in browser that also calls a guarded route."""

    async def sign_in(self, path: str, email: str) -> None:
        """Sign in, and keep the access token."""
        await super().sign_in(path, email)
        self.token = json.loads(self.raw.partition(b"\r\n\r\n")[2])["access_token"]

    async def get(self) -> None:
        """`GET /auth/me`: a checked token, and one read of the store."""
        head = ["GET /auth/me HTTP/1.1", f"Host: localhost:{self.port}", f"Authorization: Bearer {self.token}"]
        self.writer.write("\r\n".join([*head, "", ""]).encode())
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        await self.reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in answer[:16]:
            raise SystemExit(f"a guarded GET was answered with {answer[:80]!r}")


async def at_a_rate(act: Callable[[], Awaitable[None]], *, every: float, seconds: float, offset: float) -> list[float]:
    """Do it on time, again and again; how long each took."""
    latencies = []
    start = time.perf_counter() + offset
    answered = 0.0
    for number in range(int(seconds / every)):
        due = start + number * every
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        # The measuring program's own lateness is not the server's; that of the answer before this one is.
        begun = due if answered > due else time.perf_counter()
        await act()
        answered = time.perf_counter()
        latencies.append(answered - begun)
    return latencies


async def probe(probes: Sequence[Probe], options: argparse.Namespace) -> Turn:
    """A slice of guarded GETs and refreshes at their rates."""
    getting, refreshing = probes[:PROBES], probes[PROBES:]

    async def all_of(acts: Sequence[Callable[[], Awaitable[None]]], rate: float) -> list[float]:
        every = len(acts) / rate
        each = (
            at_a_rate(act, every=every, seconds=options.seconds, offset=number / rate)
            for number, act in enumerate(acts)
        )
        return [latency for part in await asyncio.gather(*each) for latency in part]

    async with connected(probes):
        gets, refreshes = await asyncio.gather(
            all_of([one.get for one in getting], options.gets),
            all_of([one.refresh for one in refreshing], options.refreshes),
        )
    return Turn(gets, refreshes)


def flood(port: int, count: int, seconds: float) -> float:
    """So many sign-ins at once, each after the other, for so long: how many a second succeeded."""

    async def keep_signing_in(browser: Browser, number: int, end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            browser.cookies.clear()
            await browser.sign_in("/auth/login", f"flood{number}@example.com")
            done += 1
        return done

    async def run() -> float:
        browsers = [Browser(port) for _ in range(count)]
        async with connected(browsers):
            start = time.perf_counter()
            each = (keep_signing_in(browser, number, start + seconds) for number, browser in enumerate(browsers))
            done = sum(await asyncio.gather(*each))
            return done / (time.perf_counter() - start)

    return asyncio.run(run())


def bare(threads: int, seconds: float) -> float:
    """Hashes a second of the same Argon2id in so many threads that do nothing else."""
    argon2 = PasswordHasher(memory_cost=FLOOR[0], time_cost=FLOOR[1], parallelism=1)
    hashed = argon2.hash(PASSWORD)
    start = time.perf_counter()

    def keep_hashing(_number: int) -> int:
        done = 0
        while not done or time.perf_counter() - start < seconds:
            argon2.verify(hashed, PASSWORD)
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(keep_hashing, range(threads)))
    return done / (time.perf_counter() - start)


async def measure(store: str, options: argparse.Namespace, folder: Path) -> list[tuple[Turn, Turn, float]]:
    """Quiet, flood and bare of each round."""
    url = "memory://" if store == "memory" else f"sqlite:///{folder / 'flood.db'}"
    loop = asyncio.get_running_loop()
    spawn = multiprocessing.get_context("spawn")
    rounds = []
    with gatepass(folder, url) as (_, port), ProcessPoolExecutor(1, mp_context=spawn) as other:
        probes = await prepare(port, options)
        for number in range(options.rounds + 1):
            quiet = await probe(probes, options)
            flooding = loop.run_in_executor(other, flood, port, options.sign_ins, options.seconds + 1)
            await asyncio.sleep(0.5)  # until it is in full swing
            beside = await probe(probes, options)
            beside.sign_ins = await flooding
            rate = await loop.run_in_executor(other, bare, os.cpu_count() or 1, options.seconds)
            if number:
                rounds.append((quiet, beside, rate))
    return rounds


async def prepare(port: int, options: argparse.Namespace) -> list[Probe]:
    """The accounts of the flood, and the sessions that are measured."""
    await wait_for(port)
    for number in range(options.sign_ins):
        browser = Browser(port)
        async with connected([browser]):
            await browser.sign_in("/auth/register", f"flood{number}@example.com")
    probes = [Probe(port) for _ in range(2 * PROBES)]
    for probe in probes:
        async with connected([probe]):
            await probe.sign_in("/auth/login", "flood0@example.com")
    return probes


def percentile(latencies: Sequence[float], share: float) -> float:
    """In milliseconds."""
    return sorted(latencies)[min(len(latencies) - 1, int(len(latencies) * share))] * 1000


def report(found: Mapping[str, list[tuple[Turn, Turn, float]]]) -> None:
    """Ratios first, then what they are made of."""
    for store, rounds in found.items():
        share = statistics.median(beside.sign_ins / rate for _, beside, rate in rounds)
        sign_ins = statistics.median(beside.sign_ins for _, beside, _ in rounds)
        hashes = statistics.median(rate for _, _, rate in rounds)
        print(f"{store}: {sign_ins:.1f} sign-ins/s beside {hashes:.1f} bare Argon2id/s: {share:.2f} of it")
        print(f"{'':16}{'p50 quiet':>11}{'p50 flood':>11}{'ratio':>7}{'p99 quiet':>11}{'p99 flood':>11}{'ratio':>7}")
        for name in ("gets", "refreshes"):
            cells = ""
            for share in (0.5, 0.99):
                pairs = [
                    (percentile(getattr(quiet, name), share), percentile(getattr(beside, name), share))
                    for quiet, beside, _ in rounds
                ]
                ratio = statistics.median(after / before for before, after in pairs)
                before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
                cells += f"{before:11.2f}{after:11.2f}{ratio:7.2f}"
            print(f"{'guarded ' + name if name == 'gets' else name:16}{cells}")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Latency beside a flood of sign-ins.")
    parser.add_argument("--store", nargs="+", choices=("sqlite", "memory"), default=["sqlite", "memory"])
    parser.add_argument("--seconds", type=float, default=3.0, help="of a slice")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sign-ins", type=int, default=16, help="at once")
    parser.add_argument("--gets", type=float, default=60.0, help="guarded GETs a second")
    parser.add_argument("--refreshes", type=float, default=12.0, help="refreshes a second")
    options = parse(parser, seconds=0.5, rounds=1, sign_ins=4)
    found = {}
    for store in options.store:
        with tempfile.TemporaryDirectory() as folder:
            found[store] = asyncio.run(measure(store, options, Path(folder)))
    report(found)


if __name__ == "__main__":
    main()
