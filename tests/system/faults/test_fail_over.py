"""A primary is replaced, planned or not, and some process goes on to reach the old one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.system.faults.harness import Guards, Server, hosting, serving, under_load
from tests.system.faults.leaving import How
from tests.system.faults.load import Load, Verdict
from tests.system.faults.proxy import Proxy, proxying
from tests.system.faults.scenario import scenario
from tests.system.faults.standby import promote, standby_of, wait_for_standby
from tests.system.faults.test_redis import accounts
from tools.services.postgres import PostgresServer, execute, new_database, private_server, query
from tools.services.valkey import ValkeyServer, until
from tools.services.valkey import private_server as private_redis

WAITING = "SELECT pid || ' ' || query_start FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
"""What waits for the standby. PostgreSQL has committed it on the primary already."""


@scenario("planned fail-over behind one name (Redis)")
async def test_connections_leave_a_redis_that_became_a_replica(folder: Path) -> Verdict:
    async with (
        hosting(private_redis()) as old,
        hosting(private_redis("--replicaof", f"127.0.0.1 {old.port}")) as new,
        proxying(old.port) as name,
    ):
        server = Server(folder, await accounts(), sessions=f"redis://127.0.0.1:{name.port}")
        async with serving(server), under_load(server) as load:
            load.steal()
            await load.progress()
            await load.committed()
            name.target = new.port  # connections that are open stay where they are
            await asyncio.to_thread(swap_roles, old, new)
            load.faults += 1
            load.leave()
            await load.progress()
            load.steal()
            return await load.verdict()


@scenario("guards reach only an old Redis, wait=1")
async def test_guards_do_not_trust_an_isolated_redis(folder: Path) -> Verdict:
    async with hosting(private_redis()) as old, contextlib.AsyncExitStack() as stack:
        replica = ("--replicaof", f"127.0.0.1 {old.port}")
        new, third = [await stack.enter_async_context(hosting(private_redis(*replica))) for _ in range(2)]
        until(lambda: all(b"master_link_status:up" in each.ask("INFO", "replication") for each in (new, third)))
        async with proxying(old.port) as to_server, proxying(old.port) as to_guards:
            store = await accounts()
            server = Server(folder, store, sessions=f"redis://127.0.0.1:{to_server.port}?wait=1")
            async with serving(server):
                guards = Guards(folder, server, sessions=f"redis://127.0.0.1:{to_guards.port}?wait=1")
                async with under_load(server, guards) as load:
                    load.steal()
                    await load.progress()
                    await load.committed()
                    await asyncio.to_thread(new.ask, "REPLICAOF", "NO", "ONE")
                    await asyncio.to_thread(third.ask, "REPLICAOF", "127.0.0.1", str(new.port))
                    to_server.move(new.port)
                    load.faults += 1
                    await load.progress()
                    load.steal()
                    await load.committed()
                    await load.outlive()
                    to_guards.move(new.port)
                    return await load.verdict()


@pytest.mark.full
@scenario("guards reach only an old PostgreSQL with a synchronous standby")
async def test_guards_do_not_trust_an_isolated_postgres(folder: Path) -> Verdict:
    async with pair(folder) as (load, old, new, paths):
        load.steal()
        await load.progress()
        await load.committed()
        paths["replication"].isolate()
        paths["server to old"].isolate()
        paths["guards to new"].isolate()
        await promote(new)
        load.faults += 1
        await load.progress()
        load.steal()
        await load.committed()
        await load.outlive()
        await asyncio.to_thread(old.kill)
        paths["guards to new"].heal()
        return await load.verdict()


@pytest.mark.full
@scenario("fail-over after ends that failed at first (PostgreSQL)")
async def test_an_end_that_failed_at_first_is_acknowledged_when_the_standby_has_it(folder: Path) -> Verdict:
    few = {"profiles": 2, "victims": 2, "hows": (How.SIGN_OUT, How.REVOKE)}  # or all wait for a connection
    async with pair(folder, **few) as (load, old, new, paths):
        load.steal()
        await load.progress()
        await load.committed()
        paths["replication"].stall()
        load.faults += 1
        leavers = load.leave()
        await load.tried(leavers, times=1)
        for _ in range(2):
            waiting = await query(old.url(), WAITING)
            await load.tried(leavers, times=2 + max(leaver.tries for leaver in leavers))
            await cancel(old, waiting)  # its caller has given up, and asked again
        await load.tried(leavers, times=2 + max(leaver.tries for leaver in leavers))
        await asyncio.to_thread(old.kill)
        await promote(new)
        load.faults += 1
        await load.progress()
        load.steal()
        return await load.verdict()


async def cancel(primary: PostgresServer, waiting: Sequence[str]) -> None:
    """End the waiting for the standby, as an operator does it, or a time-out of TCP."""
    named = ", ".join(f"'{each}'" for each in waiting) or "''"
    still = WAITING.replace("SELECT", "SELECT pid,")
    await execute(
        primary.url(), f"SELECT pg_cancel_backend(pid) FROM ({still}) AS w(pid, name) WHERE name IN ({named})"
    )


def swap_roles(old: ValkeyServer, new: ValkeyServer) -> None:
    """As a managed service does it: writes stop, the replica has everything, then the roles change."""
    until(lambda: b"master_link_status:up" in new.ask("INFO", "replication"))
    new.ask("REPLICAOF", "NO", "ONE")
    old.ask("REPLICAOF", "127.0.0.1", str(new.port))


@contextlib.asynccontextmanager
async def pair(
    folder: Path, **options: Any
) -> AsyncIterator[tuple[Load, PostgresServer, PostgresServer, dict[str, Proxy]]]:
    """A primary, its synchronous standby, a server and guards, with a proxy on every path. `options` are the load's."""
    async with hosting(private_server()) as old, proxying(old.port) as replication:
        database = (await new_database(old)).rpartition("/")[2]
        async with hosting(standby_of(old, through=replication.port)) as new, contextlib.AsyncExitStack() as stack:
            await wait_for_standby(old)
            paths = {"replication": replication}
            urls = {}
            for who in ("server", "guards"):
                for which, target in (("old", old), ("new", new)):
                    paths[f"{who} to {which}"] = await stack.enter_async_context(proxying(target.port))
                hosts = ",".join(f"127.0.0.1:{paths[f'{who} to {which}'].port}" for which in ("old", "new"))
                urls[who] = f"postgresql://owner@{hosts}/{database}"
            server = await stack.enter_async_context(serving(Server(folder, urls["server"])))
            guards = Guards(folder, server, store=urls["guards"])
            load = await stack.enter_async_context(under_load(server, guards, **options))
            yield load, old, new, paths
