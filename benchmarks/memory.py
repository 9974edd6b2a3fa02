"""The memory of a server under load, over time: whether it levels off.

    python3 run.py bench memory [--store sqlite postgres redis memory] [--minutes 10] [--samples 10] [--connections 32]

One `gatepass serve` for each store, one store after the other. All connections but one refresh, each one after the
other; on the last one people sign in and out, each time a new session. RSS is that of the process, in MB, as Linux
counts it.
"""

import argparse
import asyncio
import contextlib
import re
import tempfile
from pathlib import Path

from benchmarks._browsers import Browser, connected, load, signed_in
from benchmarks._engines import ENGINES
from benchmarks._options import parse
from benchmarks._processes import gatepass


def rss_of(pid: int) -> float:
    """MB."""
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) / 1024


async def come_and_go(browser: Browser) -> int:
    """Sign in and out until cancelled; returns how often."""
    times = 0
    with contextlib.suppress(asyncio.CancelledError):
        async with connected([browser]):
            while True:
                await browser.sign_in("/auth/login", "bench@example.com")
                cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
                await browser.post("/auth/logout", ["Gatepass-Client: 1", f"Cookie: {cookies}"], b"")
                times += 1
    return times


async def measure(name: str, options: argparse.Namespace, folder: Path) -> None:
    """One store, with a line for each sample."""
    async with ENGINES[name](folder) as engine:
        with gatepass(folder, engine.store, sessions=engine.sessions) as (pid, port):
            browsers = await signed_in(port, options.connections)
            print(f"{name}: {rss_of(pid):.1f} MB before", flush=True)
            slice_ = options.minutes * 60 / options.samples
            refreshes = sign_ins = 0
            for number in range(1, options.samples + 1):
                guests = asyncio.create_task(come_and_go(browsers[-1]))
                done = await load(browsers[:-1], slice_, server_cpu=lambda: 0.0, store_cpu=lambda: 0.0)
                guests.cancel()
                refreshes, sign_ins = refreshes + done.done, sign_ins + await guests
                print(
                    f"{name}: {rss_of(pid):.1f} MB after {number * slice_ / 60:.1f} min, "
                    f"{refreshes:,} refreshes, {sign_ins:,} sign-ins",
                    flush=True,
                )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description="The memory of a server under load, over time.")
    parser.add_argument("--store", nargs="+", choices=sorted(ENGINES), default=["sqlite", "postgres"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    options = parse(parser, store=["memory"], minutes=0.02, samples=2, connections=4)
    for name in options.store:
        with tempfile.TemporaryDirectory(prefix="gatepass-memory-") as folder:
            asyncio.run(measure(name, options, Path(folder)))


if __name__ == "__main__":
    main()
