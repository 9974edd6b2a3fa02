"""Several server processes on one port: the same guarantees, a process that dies is replaced, a signal stops all."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2
import pytest

from tests.support.gates import SECRET
from tests.support.process import gatepass
from tests.system.faults.harness import ROUNDS, Server, serving, under_load
from tests.system.faults.load import Verdict
from tests.system.faults.scenario import scenario
from tools.services.patience import PATIENCE, becomes
from tools.services.postgres import new_database, private_server, shared_server
from tools.services.processes import children, lives


@scenario("a worker of two killed")
async def test_nothing_is_lost_when_a_worker_is_killed(folder: Path) -> Verdict:
    url = await new_database(await asyncio.to_thread(shared_server))
    async with serving(Server(folder, url, workers=2)) as server, under_load(server) as load:
        load.steal()
        for _ in range(2 * ROUNDS):
            await load.progress()
            await load.until(lambda: len(children(server.pid)) == 2)
            before = children(server.pid)
            os.kill(min(before), signal.SIGKILL)
            load.faults += 1
            await load.until(lambda before=before: len(children(server.pid) - before) == 1)  # type: ignore[misc]
            if load.faults < 3:
                load.steal()
        return await load.verdict()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_all_workers(number: signal.Signals, tmp_path: Path) -> None:
    async with serving(Server(tmp_path, await new_database(shared_server()), workers=2)) as server:
        workers = children(server.pid)
        assert await server.stop(number) == 0
        assert not any(map(lives, workers))


async def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    async with serving(Server(tmp_path, await new_database(shared_server()), workers=2)) as server:
        workers = children(server.pid)
        await server.kill()
        await becomes(lambda: not any(map(lives, workers)), "the end of the workers")


@pytest.mark.parametrize("store", ["sqlite:///gate.db", "memory://"])
def test_stores_of_one_process_are_refused_with_the_reason(store: str, tmp_path: Path) -> None:
    done = gatepass(tmp_path, "serve", "--port", "0", "--workers", "2", SECRET=SECRET, STORE=store)
    assert done.returncode == 1
    assert "--workers 2 needs a store that processes can share" in done.stderr
    assert "SQLite before 3.51.3 can corrupt" in done.stderr


async def test_a_database_without_tables_is_said_once(tmp_path: Path) -> None:
    url = await new_database(shared_server(), migrated=False)
    done = await asyncio.to_thread(
        gatepass, tmp_path, "serve", "--port", "0", "--workers", "2", SECRET=SECRET, STORE=url
    )
    assert done.returncode == 1
    assert done.stderr.count("Run: gatepass migrate") == 1


async def test_a_worker_that_starts_while_the_database_is_away_serves_at_once_and_says_so(tmp_path: Path) -> None:
    """Its predecessors' socket stays open: without a worker, requests would wait in it without end."""
    with private_server() as database:
        url = await new_database(database)
        async with (
            serving(Server(tmp_path, url, workers=2)) as server,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE) as client,
        ):
            before = children(server.pid)
            database.stop()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await becomes(lambda: len(children(server.pid) - before) == 2, "two new workers")
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).json()["code"] == "store-unavailable"
            new = children(server.pid)
            database.start()
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
            assert children(server.pid) == new, "no worker had to be replaced again"
