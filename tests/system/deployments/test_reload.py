"""Restarts and reloads under load, behind nginx: no request fails, no session ends.

A load counts requests and answers, not their speed. The clients begin a request as soon as they have the last answer,
so that some are always under way, on connections that nginx keeps.
"""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.full import FULL
from tests.support.gates import SECRET
from tests.support.process import COMMAND, Remote, Serving
from tests.system.deployments.nginx import Nginx, configuration, nginx
from tools.services.patience import becomes
from tools.services.ports import free_port
from tools.services.postgres import new_database, shared_server

pytestmark = pytest.mark.slow

RESTARTS = 10 if FULL else 2
"""Of the two servers together, or reloads of the one."""
STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.full), "postgresql, two workers"]
CLIENTS = 6 if FULL else 4
BETWEEN = 40 if FULL else 20
"""Answers of the load between two restarts."""
ORIGIN = "https://example.com"
SETTINGS = {"SECRET": SECRET, "PUBLIC_URL": ORIGIN}


class Load:
    """Clients that refresh and ask who they are, one after the other, all the time."""

    def __init__(self, base: str, transport: object) -> None:
        self._remote = Remote(base, transport)  # type: ignore[arg-type]
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._ends = False

    async def one(self, number: int) -> None:
        browser = Browser(self._remote, mount="/auth", origin=ORIGIN, key=bytes([number]) * 32)
        self._count("register", (await browser.register(f"{number}@example.com")).status)
        while not self._ends:
            self._count("refresh", (await browser.refresh()).status)
            self._count("refresh", (await browser.refresh()).status)
            self._count("me", (await browser.get("/me")).status)
            if number == 0:  # the slowest of all requests
                self._count("login", (await browser.login("0@example.com")).status)

    def _count(self, what: str, status: int) -> None:
        self.statuses[what, status] += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self.one(number))
            yield self
            self._ends = True

    async def progress(self) -> None:
        seen = self.statuses.total()
        await becomes(lambda: self.statuses.total() >= seen + BETWEEN, "more answers")

    async def move(self, base: str) -> None:
        """Send all further requests to another server, and wait until it has answered some."""
        self._remote.base_url = base
        await self.progress()
        await self.progress()

    def failures(self) -> dict[tuple[str, int], int]:
        return {key: count for key, count in self.statuses.items() if key[1] not in (200, 201)}


@contextlib.asynccontextmanager
async def load(between: Nginx) -> AsyncIterator[Load]:
    async with between.transport() as transport, Load(between.base, transport).running() as running:
        await becomes(lambda: running.statuses["register", 201] == CLIENTS, "the sign-ups")
        yield running


def start(folder: Path, *arguments: str, settings: Mapping[str, str]) -> Serving:
    return Serving(folder, port=None, settings={**SETTINGS, **settings}, command=(*COMMAND, "serve", *arguments))


async def test_two_servers_restarted_in_turns_lose_no_request(tmp_path: Path) -> None:
    settings = {"STORE": await new_database(shared_server()), "TRUSTED_PROXIES": "127.0.0.1"}
    ports = [free_port(), free_port()]
    places = dict(zip(("127.0.0.1:8001", "127.0.0.1:8002"), (f"127.0.0.1:{port}" for port in ports), strict=True))
    site = configuration("gatepass.conf")
    block = site[site.index("upstream") : site.index("server {\n")]
    # Without the line for repeats: what the servers do must be enough, also for requests that may not be sent twice.
    site = site.replace(block, configuration("two-servers.conf")).replace(" non_idempotent;", ";")
    servers = [Serving(tmp_path, port=port, settings={**SETTINGS, **settings}) for port in ports]
    try:
        with nginx(tmp_path, site, upstreams=places) as between:
            async with load(between) as running:
                for turn in range(RESTARTS):
                    await running.progress()
                    number = turn % 2
                    code, said = await asyncio.to_thread(servers[number].stop, signal.SIGTERM)
                    assert (code, "Traceback" in said) == (0, False), said
                    servers[number] = await asyncio.to_thread(
                        Serving, tmp_path, port=ports[number], settings={**SETTINGS, **settings}
                    )
                await running.progress()
            assert running.failures() == {}, between.errors()
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


@pytest.mark.parametrize("store", STORES)
async def test_one_server_that_reloads_loses_no_request(tmp_path: Path, store: str) -> None:
    url = "sqlite:///gate.db" if store == "sqlite" else await new_database(shared_server())
    place = tmp_path / "gate.sock"
    settings = {"STORE": url, "TRUSTED_PROXIES": "unix"}
    workers = ("--workers", "2") if "workers" in store else ()
    server = start(tmp_path, "--uds", str(place), *workers, settings=settings)
    try:
        with nginx(
            tmp_path, configuration("gatepass.conf"), upstreams={"/run/gatepass/gate.sock": str(place)}
        ) as between:
            async with load(between) as running:
                for turn in range(RESTARTS):
                    await running.progress()
                    server.process.send_signal(signal.SIGHUP)
                    await becomes(lambda turn=turn: server.said.count(" reloaded\n") > turn, "a reload")  # type: ignore[misc]
                await running.progress()
            assert running.failures() == {}, between.errors()
        code, said = await asyncio.to_thread(server.stop, signal.SIGTERM)
        assert (code, "Traceback" in said) == (0, False), said
        assert not place.exists()
    finally:
        server.stop(signal.SIGKILL)
