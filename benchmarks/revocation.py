"""How long a revoked session is still let in by another process: for each feed, under load.

    python3 run.py bench revocation [--feeds postgres redis sse sqlite] [--revocations 200] [--rate 1000]

Caveats first. Two server processes, the store and the load generator share this machine's cores. One process ends a
session (`POST /auth/logout`); the other, which guards a route, is asked with that session's access token over and
over on one connection, beside a load of guarded requests at the given rate on other connections. The delay runs from
the arrival of the first process' 204 to the sending of the first request that the second one refused: what a person who
has just signed out would notice. It is 0 where the second process knew before the 204 had arrived.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Self

from benchmarks._options import parse
from gatepass import Gatepass
from gatepass.access.asgi import current_principal
from gatepass.access.check import Check
from gatepass.remote import RemoteRevocations
from gatepass.serving.process import bind, serve
from gatepass.system import SystemClock, new_secret
from gatepass.wire.asgi import Receive, Scope, Send

ROOT = Path(__file__).resolve().parent.parent
FEEDS = ("postgres", "redis", "sse", "sqlite")
CONNECTIONS = 8


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The guarded route: 204 for whoever may pass."""
    current_principal(scope)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def guard(port: int, feed_url: str) -> None:
    """The second process: the application behind the gate of the environment, with the store's feed or a remote one."""
    gate = Gatepass.from_env()
    around = gate.running
    if feed_url:
        revocations = RemoteRevocations(feed_url, secret=os.environ["GATEPASS_REVOCATION_FEED_SECRET"], lifetime=900)
        gate.check = Check(gate.check._verifier, revocations=revocations, clock=SystemClock())
        around = contextlib.nullcontext  # type: ignore[assignment]
    listener = bind("127.0.0.1", port)
    serve(gate.guard(application), listener, around=around, started=lambda: print("up", flush=True))


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


async def delays(server: int, guarded: int, options: argparse.Namespace) -> list[float]:
    """Milliseconds, one for each revocation."""
    here, there = await Connection.open(server), await Connection.open(guarded)
    credentials = json.dumps({"email": f"{secrets.token_hex(4)}@example.com", "password": "a long enough password"})
    _, granted = await here.ask("POST", "/auth/register", body=credentials.encode())
    bystander = json.loads(granted)["access_token"]
    found = []
    async with load(guarded, bystander, rate=options.rate):
        for _ in range(options.revocations):
            _, granted = await here.ask("POST", "/auth/login", body=credentials.encode())
            token = json.loads(granted)["access_token"]
            if (await there.ask("GET", "/", token=token))[0] != 204:
                raise SystemExit("the guarded process refuses a fresh token")
            found.append(await _delay(here, there, token))
    return found


async def _delay(here: Connection, there: Connection, token: str) -> float:
    ending = asyncio.create_task(here.ask("POST", "/auth/logout", token=token))
    acknowledged = 0.0
    while True:
        asked = time.perf_counter()
        status, _ = await there.ask("GET", "/", token=token)
        if ending.done() and not acknowledged:
            acknowledged = time.perf_counter()
        if status == 401:
            await ending
            return max(0.0, asked - acknowledged) * 1_000 if acknowledged else 0.0


@contextlib.asynccontextmanager
async def load(port: int, token: str, *, rate: int) -> AsyncIterator[None]:
    """Guarded requests at a steady rate, on connections of their own, while the block runs."""
    connections = [await Connection.open(port) for _ in range(CONNECTIONS)]

    async def keep_asking(connection: Connection) -> None:
        due = time.perf_counter()
        while True:
            due += CONNECTIONS / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            status, _ = await connection.ask("GET", "/", token=token)
            if status != 204:
                raise SystemExit(f"the load was answered {status}")

    tasks = [asyncio.create_task(keep_asking(connection)) for connection in connections if rate]
    try:
        yield
    finally:
        for task in tasks:
            if task.done() and (failure := task.exception()):
                raise failure
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def processes(feed: str, folder: Path) -> Iterator[tuple[int, int]]:
    """A server and a guarded application on one store: their ports."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(stores(feed, folder))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEPASS_")}
        settings = {"SECRET": new_secret(), "REVOCATION_FEED_SECRET": new_secret(), **store}
        environment = {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}}
        ports = []
        for _ in range(2):
            with bind("127.0.0.1", 0) as probe:
                ports.append(probe.getsockname()[1])
        server, guarded = ports
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment["GATEPASS_PUBLIC_URL"] = f"http://localhost:{server}"
        serve = [sys.executable, "-m", "gatepass", "serve", "--port", str(server)]
        url = f"http://localhost:{server}/auth/revocations" if feed == "sse" else ""
        behind = [sys.executable, "-m", "benchmarks.revocation", "--guard", str(guarded), "--feed-url", url]
        for command, sign in ((serve, b"listens"), (behind, b"up")):
            stack.enter_context(_running(command, environment, folder, sign))
        yield server, guarded


@contextlib.contextmanager
def _running(
    command: list[str], environment: dict[str, str], folder: Path, sign: bytes
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        place = log.tell()
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(400):
            if sign in (folder / "log").read_bytes()[place:]:
                break
            time.sleep(0.05)
        else:
            raise SystemExit((folder / "log").read_text()[-2_000:])
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


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Delay of a revocation between two processes.")
    parser.add_argument("--feeds", nargs="+", choices=FEEDS, default=FEEDS)
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--guard", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--feed-url", default="", help=argparse.SUPPRESS)
    options = parse(parser, revocations=3, rate=100)
    if options.guard:
        guard(options.guard, options.feed_url)
        return
    print(f"{'ms':12}{'p50':>8}{'p99':>8}{'max':>8}")
    for feed in options.feeds:
        with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder, processes(feed, Path(folder)) as ports:
            found = sorted(asyncio.run(delays(*ports, options)))
        p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
        print(f"{feed:12}{statistics.median(found):8.1f}{p99:8.1f}{found[-1]:8.1f}", flush=True)


if __name__ == "__main__":
    main()
