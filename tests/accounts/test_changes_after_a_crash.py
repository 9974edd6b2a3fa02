"""The hooks after a change hear of it at least once, though a process dies in between or two deliver at once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatepass import HookFacts
from gatepass.accounts.changes import HEAD_START
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import ManualClock
from tests.accounts.profiles import Profiles, look_again
from tests.support.browser import EMAIL, Browser
from tests.support.gates import GateHarness, WatchedStore
from tools.services.postgres import empty_database


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def crashed(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], GateHarness]:
    """Makes gates over one database: processes of one application."""
    memory, clock = MemoryStore(), ManualClock()
    file = SQLiteStore(tmp_path / "gate.db")
    url = await empty_database() if request.param == "postgres" else ""

    def gate() -> GateHarness:
        # Of SQLite and memory there is one: only one process has it.
        inner: Any = {"memory": memory, "sqlite": file}.get(request.param) or PostgresStore(url)
        return GateHarness(store=WatchedStore(inner), clock=clock)

    return gate


@pytest.mark.parametrize("verb", ["take_change", "find_account"])
async def test_a_crash_between_the_commit_and_the_hook_loses_nothing(
    crashed: Callable[[], GateHarness], verb: str
) -> None:
    first = crashed()
    lost = Profiles(first.gate)
    async with first.gate.running():

        async def kill(at: str) -> None:
            if at == verb and "add_account" in first.store.verbs:
                raise Killed

        first.store.before = kill
        with pytest.raises(Killed):
            await Browser(first.gate.asgi).register()
        first.store.before = None
    assert lost.rows == {}
    second = crashed()
    found = Profiles(second.gate)
    async with second.gate.running():
        await look_again(second)
        assert list(found.rows.values()) == [EMAIL]
        assert found.heard == [("register", EMAIL)]
        await look_again(second)
        assert len(found.heard) == 1, "once it is told it is over"


async def test_a_crash_in_the_hook_calls_it_again(crashed: Callable[[], GateHarness]) -> None:
    first = crashed()
    async with first.gate.running():
        entered = asyncio.Event()

        @first.gate.after("register")
        async def killed_in_it(_facts: HookFacts[None]) -> None:
            entered.set()
            await asyncio.Event().wait()

        request = asyncio.create_task(Browser(first.gate.asgi).register())
        await entered.wait()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    second = crashed()
    found = Profiles(second.gate)
    async with second.gate.running():
        assert await look_again(second) == 1
        assert list(found.rows.values()) == [EMAIL]


async def test_two_processes_do_not_tell_one_entry_at_once(crashed: Callable[[], GateHarness]) -> None:
    one, other = crashed(), crashed()
    async with one.gate.running(), other.gate.running():
        entered, go_on = asyncio.Event(), asyncio.Event()

        @one.gate.after("register")
        async def slow(_facts: HookFacts[None]) -> None:
            entered.set()
            await go_on.wait()

        profiles = Profiles(other.gate)
        request = asyncio.create_task(Browser(one.gate.asgi).register())
        await entered.wait()
        await other.gate._parts.changes.deliver_left()
        one.clock.advance(HEAD_START)
        await other.gate._parts.changes.deliver_left()
        assert profiles.heard == [], "it is handed out to the first"
        go_on.set()
        assert (await request).status == 201
        await look_again(other)
        assert profiles.heard == []
