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
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks._options import parse
from benchmarks._two_processes import HEAD, Connection, add_feeds, delay_of, processes, row
from gatepass import Gatepass
from gatepass.access.asgi import current_principal
from gatepass.access.check import Check
from gatepass.remote import RemoteRevocations
from gatepass.serving.process import bind, serve
from gatepass.system import SystemClock
from gatepass.wire.asgi import Receive, Scope, Send

CONNECTIONS = 8


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The guarded route: 204 for callers that may pass."""
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
            found.append(await delay_of(here.ask("POST", "/auth/logout", token=token), there, token))
    return found


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


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Delay of a revocation between two processes.")
    add_feeds(parser)
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--rate", type=int, default=1_000)
    options = parse(parser, revocations=3, rate=100)
    if options.guard:
        guard(options.guard, options.feed_url)
        return
    print(HEAD)
    for feed in options.feeds:
        with (
            tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder,
            processes(feed, Path(folder), behind="benchmarks.revocation") as (server, guarded, _),
        ):
            found = asyncio.run(delays(server, guarded, options))
        print(row(feed, found), flush=True)


if __name__ == "__main__":
    main()
