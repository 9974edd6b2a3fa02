"""Roles that change at once: how soon another process refuses, and what many refreshes cost the others.

    python3 run.py bench roles [--feeds postgres redis sqlite] [--changes 200] [--accounts 100000] [--clients 6000]
        [--within 60]

Caveats first. Two server processes, the store and the load generator share this machine's cores. *Delay*: one process
answers `refresh_claims` of an account; the other is asked with that account's access token over and over. The delay
runs from the arrival of the answer to the sending of the first request that is refused. *Others*: one process, on
SQLite, with so many accounts and sessions in its file; the clients of some call a guarded route over and over on
16 connections, and refresh where they are refused.
The latency is that of guarded calls of the one: while nothing changes, after `refresh_claims_of_all(within=…)`, and
after `within=0`.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks._options import parse
from benchmarks._two_processes import HEAD, ROOT, Connection, delay_of, row, running, stores
from gatepass import Gatepass, Tokens
from gatepass.access.asgi import current_principal
from gatepass.core.claims import AccountFacts
from gatepass.core.secret import Secret
from gatepass.core.session import Session
from gatepass.core.strict_json import Json
from gatepass.serving.process import bind, serve
from gatepass.sessions.service import Caller
from gatepass.system import new_secret
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import Receive, Scope, Send
from gatepass.wire.cookies import Cookies

FEEDS = ("postgres", "redis", "sqlite")
URL = "http://localhost"
COOKIE = Cookies.for_url(URL).place.names.refresh
CONNECTIONS = 16
TABLES = ("account", "session")


async def claims(_session: Session, account: AccountFacts) -> dict[str, Json]:
    """A hook that waits as one that asks a database."""
    await asyncio.sleep(0.001)
    return {"scope": "notes:read", "email_verified": account.email_verified}


def program(port: int) -> None:
    """One server: the auth endpoints, a guarded route, and `POST /claims/<account or all>/<within>`."""
    gate = Gatepass.from_env(tokens=Tokens(claims=claims), hasher=FastHasher())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/auth/"):
            await gate.asgi({**scope, "root_path": "/auth"}, receive, send)
            return
        if scope["path"].startswith("/claims/"):
            account, within = scope["path"].removeprefix("/claims/").split("/")
            if account == "all":
                await gate.refresh_claims_of_all(within=int(within))
            else:
                await gate.refresh_claims(account)
        else:
            current_principal(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    serve(gate.guard(app), bind("127.0.0.1", port), around=gate.running, started=lambda: print("up", flush=True))


@contextlib.contextmanager
def servers(feed: str, folder: Path, count: int) -> Iterator[tuple[list[int], dict[str, str]]]:
    """Their ports, and the settings that they have."""
    with contextlib.ExitStack() as stack:
        settings = {"SECRET": new_secret(), "PUBLIC_URL": URL, **stack.enter_context(stores(feed, folder))}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEPASS_")}
        environment = {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        ports = []
        for _ in range(count):
            with bind("127.0.0.1", 0) as probe:
                ports.append(probe.getsockname()[1])
        for port in ports:
            command = [sys.executable, "-m", "benchmarks.roles", "--program", str(port)]
            stack.enter_context(running(command, environment, folder, b"up"))
        yield ports, settings


async def delays(ports: list[int], changes: int) -> list[float]:
    """Milliseconds, one for each change."""
    here, there = [await Connection.open(port) for port in ports]
    credentials = {"email": f"{secrets.token_hex(4)}@example.com", "password": "a long enough password"}
    _, granted = await here.ask("POST", "/auth/register", body=json.dumps(credentials).encode())
    found = []
    for _ in range(changes):
        told = json.loads(granted)
        account, token = _account_of(told["access_token"]), told["access_token"]
        if (await there.ask("GET", "/", token=token))[0] != 204:
            raise SystemExit("the other process refuses a fresh token")
        found.append(await delay_of(here.ask("POST", f"/claims/{account}/0"), there, token))
        _, granted = await here.ask("POST", "/auth/login", body=json.dumps(credentials).encode())
    return found


def _account_of(token: str) -> str:
    payload = token.split(".")[1]
    account: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    return account


@dataclass
class Client:
    """One account's client: what it has to show."""

    token: str
    cookie: str
    sid: str


async def sign_in(settings: dict[str, str], count: int) -> list[Client]:
    """So many accounts, each signed in, written beside the server."""
    gate = Gatepass(
        secrets=[settings["SECRET"]], public_url=URL, store=settings["STORE"], hasher=FastHasher(),
        tokens=Tokens(claims=claims),
    )  # fmt: skip
    made = []
    async with gate.running():

        async def one(number: int) -> None:
            email = f"{number}@example.com"
            account = await gate.accounts.add(email, Secret("a long enough password"), email_key=email)
            grant = await gate.sessions.sign_in(account, caller=Caller("bench", ""), remember=True)
            assert grant is not None
            assert grant.access_token is not None
            made.append(Client(grant.access_token, grant.text, grant.session.sid.hex()))

        for first in range(0, count, 100):
            await asyncio.gather(*(one(number) for number in range(first, min(count, first + 100))))
    return made


class Crowd:
    """Clients that call in turn, as fast as answers come, with a pause, and refresh where they are refused."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients
        self.refreshes = 0

    async def run(self, port: int, place: int) -> None:
        """One connection with its share of the clients."""
        connection = await Calls.open(port)
        while True:
            for client in self._clients[place::CONNECTIONS]:
                status, _ = await connection.ask("GET", "/", token=client.token)
                if status == 401:
                    await self._refresh(connection, client)
                await asyncio.sleep(0.02)

    async def _refresh(self, connection: "Calls", client: Client) -> None:
        headers = [f"Cookie: {COOKIE}={client.cookie}", f"Gatepass-Session: {client.sid}"]
        status, body, head = await connection.refresh(headers)
        if status != 200:
            raise SystemExit(f"a refresh was answered {status}: {body!r}")
        self.refreshes += 1
        cookie = re.search(rf"set-cookie: {COOKIE}=([^;]+)", head, re.IGNORECASE)
        client.token, client.cookie = json.loads(body)["access_token"], cookie[1] if cookie else client.cookie


class Calls(Connection):
    """A connection that can refresh."""

    async def refresh(self, headers: list[str]) -> tuple[int, bytes, str]:
        """Status, body and head."""
        lines = ["POST /auth/refresh HTTP/1.1", "Host: localhost", "Content-Length: 0", "Gatepass-Client: 1", *headers]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return int(head.split(" ", 2)[1]), body, head


def fill(file: Path, count: int) -> None:
    """So many accounts more, each with a session whose client is away: copies of a row that is there."""
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection, connection:
        connection.row_factory = sqlite3.Row
        account, session = (dict(connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()) for table in TABLES)
        ids = [secrets.token_hex(16) for _ in range(count)]
        accounts = [{**account, "id": each, "email": f"{each}@example.com", "email_key": each} for each in ids]
        sessions = [{**session, "sid": secrets.token_bytes(16), "account_id": each} for each in ids]
        for table, rows in zip(TABLES, (accounts, sessions), strict=True):
            names = list(rows[0])
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + each for each in names)})"
            connection.executemany(statement, rows)


async def others(port: int, settings: dict[str, str], *, accounts: int, count: int, within: int) -> None:
    """Print what one account notes while all others are refreshed."""
    bystander, *clients = await sign_in(settings, count + 1)
    fill(Path(settings["STORE"].removeprefix("sqlite:///")), max(1, accounts - count))
    crowd = Crowd(clients)
    tasks = [asyncio.create_task(crowd.run(port, place)) for place in range(CONNECTIONS)]
    connection = await Calls.open(port)
    print(f"{'others, ms':34}{'p50':>8}{'p99':>8}{'max':>8}{'refreshes':>12}")
    for name, path in (
        ("nothing changes", ""),
        (f"all, within={within}", f"/claims/all/{within}"),
        ("all, within=0", "/claims/all/0"),
    ):
        before = crowd.refreshes
        if path:
            await (await Calls.open(port)).ask("POST", path)
        found = []
        end = time.perf_counter() + within + 2
        while time.perf_counter() < end:
            asked = time.perf_counter()
            status, _ = await connection.ask("GET", "/", token=bystander.token)
            found.append((time.perf_counter() - asked) * 1_000)
            if status == 401:
                await crowd._refresh(connection, bystander)
            await asyncio.sleep(0.01)
        print(f"{row(name, found)}{crowd.refreshes - before:12}", flush=True)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="How soon roles change elsewhere, and what that costs the others.")
    parser.add_argument("--feeds", nargs="+", choices=FEEDS, default=list(FEEDS))
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=6_000)
    parser.add_argument("--within", type=int, default=60)
    parser.add_argument("--program", type=int, default=0, help=argparse.SUPPRESS)
    options = parse(parser, changes=3, accounts=40, clients=20, within=2, feeds=["sqlite"])
    if options.program:
        program(options.program)
        return
    print(HEAD)
    for feed in options.feeds:
        with (
            tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder,
            servers(feed, Path(folder), 2) as (
                ports,
                _,
            ),
        ):
            print(row(feed, asyncio.run(delays(ports, options.changes))), flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder,
        servers("sqlite", Path(folder), 1) as (
            (port,),
            settings,
        ),
    ):
        asyncio.run(others(port, settings, accounts=options.accounts, count=options.clients, within=options.within))


if __name__ == "__main__":
    main()
