"""Clocks that jump, or that are wrong in one process and right in another."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.file_clock import FileClock
from tests.system.faults.harness import ROUNDS, Guards, Server, serving, under_load
from tests.system.faults.leaving import How
from tests.system.faults.load import Load, Verdict
from tests.system.faults.scenario import scenario
from tests.system.faults.test_redis import accounts

HOUR = 3_600
QUARTER = 16 * 60
"""Seconds: longer than an access token and all its tolerances live by default."""
BY_A_STRANGER = (How.SIGN_OUT, How.BEARER, How.DISABLE)
"""The ends that need no access token which is valid at the server that is asked: its clock is wrong."""


@scenario("clock jumps ±1 h")
async def test_nothing_is_lost_when_the_clock_jumps(folder: Path) -> Verdict:
    clock = FileClock(folder / "offset")
    async with (
        serving(Server(folder, "sqlite:///gate.db", clock=str(folder / "offset"))) as server,
        under_load(server, hows=(How.SIGN_OUT, How.DISABLE)) as load,
    ):
        for offset in (HOUR, -HOUR, 0, HOUR) * ROUNDS:
            await load.progress(8)
            if load.faults < 3:
                load.steal()
            clock.set(offset)
            load.faults += 1
        await load.progress(8)
        load.steal()
        await load.committed()
        clock.set(0)
        return await load.verdict()


@scenario("signed out at a server 16 minutes behind")
async def test_an_end_is_heard_that_a_server_with_a_slow_clock_acknowledged(folder: Path) -> Verdict:
    return await end_elsewhere(folder, -QUARTER)


@pytest.mark.full
@scenario("signed out at a server 16 minutes ahead")
async def test_an_end_is_heard_that_a_server_with_a_fast_clock_acknowledged(folder: Path) -> Verdict:
    return await end_elsewhere(folder, QUARTER)


@scenario("guards started with their clock an hour ahead")
async def test_guards_that_start_with_a_fast_clock_know_what_was_revoked(folder: Path) -> Verdict:
    clock = FileClock(folder / "offset")
    life = 300  # nothing here waits for the end of a token
    async with serving(Server(folder, await accounts(), life=life)) as server:
        guards = Guards(folder, server, life=life, clock=str(folder / "offset"))
        async with under_load(server, guards) as load:
            load.steal()
            await load.progress()
            await load.committed()
            await guards.kill()
            clock.set(HOUR)
            await guards.start()
            await load.watch.answered(3)
            clock.set(0)
            load.faults += 1
            await load.watch.answered(30)
            load.watch.rush()
            return await load.verdict()


@contextlib.asynccontextmanager
async def two_servers(folder: Path, offset: int) -> AsyncIterator[Load]:
    """Refreshes go to a server whose clock is right, and ends to another one, whose clock is not."""
    FileClock(folder / "offset").set(offset)
    store = await accounts()
    async with serving(Server(folder, store)) as server:
        other = Server(folder, store, public_port=server.port, clock=str(folder / "offset"))
        async with serving(other), under_load(server, ends_at=other.port, hows=BY_A_STRANGER) as load:
            yield load


async def end_elsewhere(folder: Path, offset: int) -> Verdict:
    async with two_servers(folder, offset) as load:
        load.faults += 1
        for _ in range(ROUNDS):
            load.steal()
            await load.progress()
            await load.committed()
        return await load.verdict()
