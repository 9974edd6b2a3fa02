"""Sessions in Redis, accounts elsewhere: all that can happen between two steps of a change and a sign-in."""

import asyncio
import itertools
import os
import random
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from gatepass.core.account import Account
from gatepass.errors import StoreUnavailable
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.records import NOW, account_of, session_of, signed_in
from tests.support.full import FULL
from tools.services.valkey import flush, shared_server

pytestmark = pytest.mark.slow

EXPLORED = int(os.environ.get("TEST_INTERLEAVINGS", "4000" if FULL else "200"))
"""How many orders of steps are tried, out of 66,066."""

actor: ContextVar[str] = ContextVar("actor", default="")


class Crash(Exception):
    """The process has ended."""


class Scheduler:
    """Lets actors take their steps one at a time, in a given order, and makes one of them crash before a step."""

    def __init__(self, order: Sequence[str], *, crash: tuple[str, int] | None) -> None:
        self._order = list(order)
        self._crash = crash
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._steps: dict[str, int] = {}
        self._arrived = asyncio.Event()

    async def step(self) -> None:
        """Wait for the turn of the running actor."""
        who = actor.get()
        if not who:
            return
        self._steps[who] = self._steps.get(who, 0) + 1
        self._waiting[who] = asyncio.get_running_loop().create_future()
        self._arrived.set()
        await self._waiting[who]
        if self._crash == (who, self._steps[who]):
            raise Crash

    async def play(self, parts: dict[str, Any]) -> dict[str, Any]:
        """The outcome of each part: its result or its exception."""

        async def act(name: str) -> Any:
            actor.set(name)
            return await parts[name]

        tasks = {name: asyncio.create_task(act(name)) for name in parts}
        while not all(task.done() for task in tasks.values()):
            self._arrived.clear()
            if any(not task.done() and name not in self._waiting for name, task in tasks.items()):
                going = [task for name, task in tasks.items() if not task.done() and name not in self._waiting]
                arrived = asyncio.ensure_future(self._arrived.wait())
                await asyncio.wait([*going, arrived], return_when=asyncio.FIRST_COMPLETED, timeout=10)
                arrived.cancel()
                continue
            self._waiting.pop(self._next()).set_result(None)
        return dict(zip(tasks, await asyncio.gather(*tasks.values(), return_exceptions=True), strict=True))

    def _next(self) -> str:
        while self._order:
            if (who := self._order.pop(0)) in self._waiting:
                return who
        return min(self._waiting)


class SteppedCluster(Cluster):
    """Each command to Redis is a step, and so is a group of commands that are sent together."""

    scheduler: Scheduler

    async def run(self, *arguments: Any, **options: Any) -> Any:
        await self.scheduler.step()
        return await super().run(*arguments, **options)

    async def run_all(self, *arguments: Any, **options: Any) -> Any:
        await self.scheduler.step()
        outer = actor.set("")  # the commands of a group are no steps of their own
        try:
            return await super().run_all(*arguments, **options)
        finally:
            actor.reset(outer)


class SteppedAccounts(MemoryStore):
    """Each read and each change of an account is a step."""

    scheduler: Scheduler

    async def find_account(self, account_id: str) -> Account | None:
        await self.scheduler.step()
        return await super().find_account(account_id)

    async def change_password(self, *arguments: Any, **facts: Any) -> Sequence[bytes] | None:
        await self.scheduler.step()
        return await super().change_password(*arguments, **facts)

    async def disable_account(self, *arguments: Any, **facts: Any) -> Sequence[bytes] | None:
        await self.scheduler.step()
        return await super().disable_account(*arguments, **facts)


async def play(verb: str, order: Sequence[str], crash: tuple[str, int] | None) -> None:
    """A sign-in during a change of its account: a session handed out under the old state must not stay live."""
    scheduler = Scheduler(order, crash=crash)
    engine, accounts = RedisStore(shared_server().url), SteppedAccounts()
    engine._cluster = SteppedCluster(engine._url)
    engine._cluster.scheduler = accounts.scheduler = scheduler
    store = CombinedStore(sessions=engine, accounts=accounts)
    account = account_of(f"ann {random.random()}")
    session, before = session_of(account), session_of(account, "before")
    await store.open()
    await store.add_account(account)
    assert await store.add(before, credential_version=1)
    change = (
        store.change_password(account.id, password_hash="new", credential_version=1, now=NOW, keep=None)
        if verb == "change"
        else store.disable_account(account.id, now=NOW)
    )
    done = await scheduler.play({"add": store.add(session, credential_version=1), "change": change})
    now = await store.find_account(account.id)
    rows = {name: await store.find(each.sid) for name, each in (("before", before), ("session", session))}
    await store.close()
    assert now is not None
    assert isinstance(done["add"], bool | StoreUnavailable | Crash)
    if now == account:
        return  # nothing was changed, so the session may stay
    assert rows["before"] is not None
    assert rows["before"].revoked_at == NOW
    if done["add"] is True:
        assert rows["session"] is not None
        assert rows["session"].revoked_at == NOW, (order, crash)


async def test_wherever_a_change_stops_no_session_of_the_old_password_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gatepass.stores.combined.store.LOCK_WAIT_TIMEOUT", 0.0)
    adding = [frozenset(each) for each in itertools.combinations(range(14), 6)]
    orders = [["add" if place in turns else "change" for place in range(14)] for turns in adding]
    crashes = [None, *(("change", number) for number in range(2, 10)), ("add", 4), ("add", 5)]
    plays = list(itertools.product(("change", "disable"), orders, crashes))
    chosen = plays if len(plays) <= EXPLORED else random.Random(7).sample(plays, EXPLORED)
    for verb, order, crash in chosen:
        await play(verb, order, crash)


async def test_a_sign_in_waits_for_a_change_and_is_then_told_what_it_came_to() -> None:
    store = CombinedStore(sessions=RedisStore(shared_server().url), accounts=MemoryStore())
    await store.open()
    account = account_of("waits")
    await store.add_account(account)
    await store._lock.lock(account.id, by=b"one", seconds=600)
    await store._lock.lock(account.id, by=b"two", seconds=600)
    adding = asyncio.create_task(store.add(session_of(account), credential_version=1))
    while await store.find(session_of(account).sid) is None:
        await asyncio.sleep(0)
    await store._lock.unlock(account.id, by=b"one")
    assert await store._lock.is_locked(account.id), "the other owner still has it locked"
    await store.accounts.change_password(account.id, password_hash="x", credential_version=1, now=NOW, keep=None)
    await store._lock.unlock(account.id, by=b"two")
    assert not await adding
    await store.close()


async def test_a_caller_who_goes_away_does_not_leave_a_change_half_done() -> None:
    store = CombinedStore(sessions=RedisStore(shared_server().url), accounts=MemoryStore())
    await store.open()
    flush([shared_server()])
    session = await signed_in(store, name="leaver")
    changing = asyncio.create_task(
        store.change_password(session.account_id, password_hash="x", credential_version=1, now=NOW, keep=None)
    )
    while not store._tasks:
        await asyncio.sleep(0)
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    await store._tasks.finish()
    row, account = await store.find(session.sid), await store.find_account(session.account_id)
    assert row is not None
    assert account is not None
    assert (row.revoked_at, account.credential_version) == (NOW, 2)
    assert not await store._lock.is_locked(account.id)
    await store.close()
