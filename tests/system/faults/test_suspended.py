"""Processes that stand still for a while: a virtual machine that is moved, a frozen container, a laptop that slept."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.faults.harness import Guards, Server, hosting, serving, under_load
from tests.system.faults.load import Load, Verdict
from tests.system.faults.program import MAX_AGE
from tests.system.faults.scenario import scenario
from tests.system.faults.test_postgres import private_load as on_private_postgres
from tests.system.faults.test_redis import accounts
from tests.system.faults.test_redis import private_load as on_private_redis
from tools.services.processes import children
from tools.services.valkey import private_server

STILL = 2 * MAX_AGE + 1
"""Seconds of standing still: longer than a guard goes back when it looks again."""


@scenario("guards suspended (PostgreSQL)")
async def test_guards_that_stood_still_know_what_was_revoked_meanwhile_on_postgres(folder: Path) -> Verdict:
    async with serving(Server(folder, await accounts())) as server:
        guards = Guards(folder, server)
        async with under_load(server, guards) as load:
            return await suspending(load, guards)


@pytest.mark.full
@scenario("guards suspended (Redis)")
async def test_guards_that_stood_still_know_what_was_revoked_meanwhile_on_redis(folder: Path) -> Verdict:
    async with (
        hosting(private_server()) as redis,
        serving(Server(folder, await accounts(), sessions=redis.url)) as server,
    ):
        guards = Guards(folder, server)
        async with under_load(server, guards) as load:
            return await suspending(load, guards)


@pytest.mark.full
@scenario("server suspended")
async def test_nothing_is_lost_when_the_server_stands_still(folder: Path) -> Verdict:
    async with serving(Server(folder, await accounts())) as server, under_load(server) as load:
        load.steal()
        await load.progress()
        load.leave()
        with server.suspended():
            load.faults += 1
            await asyncio.sleep(STILL)
        load.steal()
        return await load.verdict()


@pytest.mark.full
@scenario("PostgreSQL suspended")
async def test_nothing_is_lost_when_postgres_stands_still(folder: Path) -> Verdict:
    async with on_private_postgres(folder) as (postgres, _, load):
        load.steal()
        await load.progress()
        load.leave()
        with stopped(postgres.pid, *children(postgres.pid)):
            load.faults += 1
            await asyncio.sleep(STILL)
        load.steal()
        return await load.verdict()


@scenario("Redis suspended")
async def test_nothing_is_lost_when_redis_stands_still(folder: Path) -> Verdict:
    async with on_private_redis(folder) as (redis, _, load):
        load.steal()
        await load.progress()
        load.leave()
        with stopped(redis.pid):
            load.faults += 1
            await asyncio.sleep(STILL)
        load.steal()
        return await load.verdict()


async def suspending(load: Load, guards: Guards) -> Verdict:
    """End sessions while the guards stand still."""
    await load.progress()
    with guards.suspended():
        load.faults += 1
        load.steal()
        await load.committed()
        await asyncio.sleep(STILL)
        load.steal()  # these tokens are young when the guards go on
        await load.committed()
    await load.outlive()
    return await load.verdict()


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Processes that stand still while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
