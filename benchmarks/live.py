"""How long an open WebSocket outlives its session in another process, and what a socket costs: for each feed.

    python3 run.py bench live [--feeds postgres redis sse sqlite] [--sockets 5000] [--sign-outs 100]

Caveats first. Two server processes, the store and the client with all sockets share this machine's cores. One process
ends a session (`POST /auth/logout`); the other, uvicorn with a guarded application, holds the open sockets: some of the
sessions that end, the others of one person who stays. The delay runs from the arrival of the first process' 204 to the
arrival of the close frame (4403) at a socket, for each socket of the session. Memory is what the second process'
resident set grew by, divided by the sockets: the connection, uvicorn's protocol, the application's task and the guard.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import resource
import secrets
import struct
import tempfile
import time
from pathlib import Path
from typing import Self

import uvicorn

from benchmarks._options import parse
from benchmarks._two_processes import HEAD, Connection, add_feeds, processes, row
from gatepass import Gatepass
from gatepass.access.asgi_guard import Guard
from gatepass.access.check import Check
from gatepass.access.live import LiveConnections
from gatepass.access.live_socket import admit
from gatepass.remote import RemoteRevocations
from gatepass.serving.process import bind
from gatepass.system import SystemClock
from gatepass.wire.asgi import Receive, Scope, Send

AT_ONCE = 100
"""Sockets that are opened at the same time."""
PER_SESSION = 5
"""Sockets of a session that ends: one person's tabs."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Lets its caller in and listens."""
    await admit(scope)
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def guard(port: int, feed_url: str) -> None:
    """The second process: the application behind the gate of the environment, with the store's feed or a remote one."""
    gate = Gatepass.from_env()
    live, around = gate.live, gate.running
    if feed_url:
        revocations = RemoteRevocations(feed_url, secret=os.environ["GATEPASS_REVOCATION_FEED_SECRET"], lifetime=900)
        check = Check(gate.check._verifier, revocations=revocations, clock=SystemClock())
        live = LiveConnections(check, revocations=revocations, clock=SystemClock(), origins=gate.origins)
        around = contextlib.nullcontext  # type: ignore[assignment]
    app = Guard(application, check=live.check, cookies=gate.cookies, live=live)
    config = uvicorn.Config(
        app, lifespan="off", ws="websockets-sansio", ws_ping_interval=None, log_level="warning", backlog=2048
    )

    async def run() -> None:
        async with around():
            listener = bind("127.0.0.1", port)
            print("up", flush=True)
            await uvicorn.Server(config).serve(sockets=[listener])

    asyncio.run(run())


class Socket:
    """One WebSocket, as little of one as a client needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.code = 0
        self.closed_at = 0.0

    @classmethod
    async def open(cls, port: int, token: str) -> Self:
        """Connect, show the token in a sub-protocol, and wait for the handshake."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        head = [
            "GET /live HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: gatepass, {token}",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n", 1)[0]:
            raise SystemExit(answer.decode("latin-1"))
        return cls(reader, writer)

    async def wait_closed(self) -> None:
        """Note when the close frame arrives, and its code."""
        while True:
            kind, length = await self._reader.readexactly(2)
            content = await self._reader.readexactly(length & 127)
            if kind & 15 == 8:
                self.closed_at = time.perf_counter()
                (self.code,) = struct.unpack("!H", content[:2])
                self.close()
                return

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()


class Measured:
    """What one feed showed."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.per_socket = 0.0


async def measure(server: int, guarded: int, pid: int, options: argparse.Namespace) -> Measured:
    """Open all sockets, then end one session after the other."""
    found, here = Measured(), await Connection.open(server)
    credentials = json.dumps({"email": f"{secrets.token_hex(4)}@example.com", "password": "a long enough password"})
    _, granted = await here.ask("POST", "/auth/register", body=credentials.encode())
    stays = json.loads(granted)["access_token"]
    leaving = []
    for _ in range(options.sign_outs):
        _, granted = await here.ask("POST", "/auth/login", body=credentials.encode())
        leaving.append(json.loads(granted)["access_token"])
    (await Socket.open(guarded, stays)).close()  # what the first socket loads is no cost of a socket
    before = _resident(pid)
    tabs = [token for token in leaving for _ in range(PER_SESSION)]
    sockets = await _open_all(guarded, [*tabs, *[stays] * (options.sockets - len(tabs))])
    found.per_socket = (_resident(pid) - before) / len(sockets)
    waiting = [asyncio.create_task(socket.wait_closed()) for socket in sockets]
    here = await Connection.open(server)  # the other one may have been silent for too long
    for number, token in enumerate(leaving):
        own = slice(number * PER_SESSION, (number + 1) * PER_SESSION)
        await here.ask("POST", "/auth/logout", token=token)
        acknowledged = time.perf_counter()
        await asyncio.wait_for(asyncio.gather(*waiting[own]), 30)
        if any(socket.code != 4403 for socket in sockets[own]):
            raise SystemExit(f"closed with {[socket.code for socket in sockets[own]]}")
        found.delays += [max(0.0, socket.closed_at - acknowledged) * 1_000 for socket in sockets[own]]
    others = waiting[len(tabs) :]
    if any(task.done() for task in others):
        raise SystemExit("a socket of another session was closed")
    for task, socket in zip(others, sockets[len(tabs) :], strict=True):
        task.cancel()
        socket.close()
    await asyncio.gather(*others, return_exceptions=True)
    return found


async def _open_all(port: int, tokens: list[str]) -> list[Socket]:
    sockets: list[Socket] = []
    for first in range(0, len(tokens), AT_ONCE):
        sockets += await asyncio.gather(*(Socket.open(port, token) for token in tokens[first : first + AT_ONCE]))
    return sockets


def _resident(pid: int) -> float:
    """Bytes of a process' resident set."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Delay of a close between two processes, and memory of a socket.")
    add_feeds(parser)
    parser.add_argument("--sockets", type=int, default=5_000)
    parser.add_argument("--sign-outs", type=int, default=100)
    options = parse(parser, sockets=50, sign_outs=3)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.guard:
        guard(options.guard, options.feed_url)
        return
    print(f"{HEAD}{'KB a socket':>14}")
    for feed in options.feeds:
        with (
            tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder,
            processes(feed, Path(folder), behind="benchmarks.live", SESSIONS_PER_ACCOUNT="0") as places,
        ):
            found = asyncio.run(measure(*places, options))
        print(f"{row(feed, found.delays)}{found.per_socket / 1_000:14.1f}", flush=True)


if __name__ == "__main__":
    main()
