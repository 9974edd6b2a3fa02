"""Two processes on one store: one changes something, and the other is asked until it knows."""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Self

from gatepass.serving.process import bind
from gatepass.system import new_secret
from tools.services.patience import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
NAME_WIDTH = 34
HEAD = f"{'delay, ms':{NAME_WIDTH}}{'p50':>8}{'p99':>8}{'max':>8}"
FEEDS = ("postgres", "redis", "sse", "sqlite")


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, method: str, path: str, *, token: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one request."""
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "Gatepass-Client: 1"]
        if body:
            head.append("Content-Type: application/json")
        if token:
            head.append(f"Authorization: Bearer {token}")
        self._writer.write("\r\n".join([*head, "", ""]).encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        return int(answer.split(b" ", 2)[1]), content


async def delay_of(change: Awaitable[object], there: Connection, token: str) -> float:
    """Milliseconds from the answer to `change` to the last request with `token` that the other process let through."""
    changing = asyncio.ensure_future(change)
    acknowledged = 0.0
    while True:
        asked = time.perf_counter()
        status, _ = await there.ask("GET", "/", token=token)
        if changing.done() and not acknowledged:
            acknowledged = time.perf_counter()
        if status == 401:
            await changing
            return max(0.0, asked - acknowledged) * 1_000 if acknowledged else 0.0


def add_feeds(parser: argparse.ArgumentParser) -> None:
    """The feeds to measure, and the arguments with which `processes` starts the guard."""
    parser.add_argument("--feeds", nargs="+", choices=FEEDS, default=FEEDS)
    parser.add_argument("--guard", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--feed-url", default="", help=argparse.SUPPRESS)


@contextlib.contextmanager
def processes(feed: str, folder: Path, *, behind: str, **settings: str) -> Iterator[tuple[int, int, int]]:
    """A server and the guarded application of the benchmark `behind` on one store: their ports, and its process."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(stores(feed, folder))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEPASS_")}
        settings |= {"SECRET": new_secret(), "REVOCATION_FEED_SECRET": new_secret(), **store}
        environment = {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}}
        ports = []
        for _ in range(2):
            with bind("127.0.0.1", 0) as probe:
                ports.append(probe.getsockname()[1])
        server, guarded = ports
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment["GATEPASS_PUBLIC_URL"] = f"http://localhost:{server}"
        server_command = [sys.executable, "-m", "gatepass", "serve", "--port", str(server)]
        url = f"http://localhost:{server}/auth/revocations" if feed == "sse" else ""
        guard_command = [sys.executable, "-m", behind, "--guard", str(guarded), "--feed-url", url]
        stack.enter_context(running(server_command, environment, folder, b"listens"))
        process = stack.enter_context(running(guard_command, environment, folder, b"up"))
        yield server, guarded, process.pid


@contextlib.contextmanager
def running(
    command: list[str], environment: dict[str, str], folder: Path, sign: bytes
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, once its log has `sign`, until the block ends."""
    with (folder / "log").open("ab") as log:
        place = log.tell()
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while sign not in (folder / "log").read_bytes()[place:]:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit((folder / "log").read_text()[-2_000:])
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


@contextlib.contextmanager
def stores(feed: str, folder: Path) -> Iterator[dict[str, str]]:
    """The settings that name the store of a feed, which runs meanwhile."""
    match feed:
        case "postgres":
            from tools.services.postgres import new_database, private_server

            with private_server() as server:
                yield {"STORE": asyncio.run(new_database(server))}
        case "redis":
            from tools.services.valkey import private_server as private_valkey

            with private_valkey() as server:
                yield {"STORE": f"sqlite:///{folder / feed}.db", "SESSIONS": server.url}
        case _:
            yield {"STORE": f"sqlite:///{folder / feed}.db"}


def row(name: str, delays: Sequence[float]) -> str:
    """A line of a table: name, median, 99th percentile, maximum."""
    ordered = sorted(delays)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name:{NAME_WIDTH}}{statistics.median(ordered):8.1f}{p99:8.1f}{ordered[-1]:8.1f}"
