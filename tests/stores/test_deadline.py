"""One budget of time for all calls of a request."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores import deadline
from gatepass.stores.deadline import in_time, store_time
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.stores.tasks import TaskSet
from gatepass.testing.records import NOW, account_of, session_of, swap_of
from tools.services.patience import patience


async def test_a_wait_ends_when_the_budget_is_spent_and_no_other_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "STORE_TIME", 0.01)
    begun: list[str] = []

    async def wait(name: str) -> None:
        begun.append(name)
        await asyncio.Event().wait()

    async with patience():
        with store_time():
            for name in ("first", "second"):
                with pytest.raises(StoreUnavailable, match="too long"), in_time():
                    await wait(name)
    assert begun == ["first"]


async def test_a_time_out_of_the_work_itself_stays_what_it_is() -> None:
    with store_time(), pytest.raises(TimeoutError, match="its own"), in_time():
        raise TimeoutError("its own")


async def test_what_a_store_shields_goes_on_when_its_caller_has_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "STORE_TIME", 0.01)
    tasks, release, done = TaskSet(), asyncio.Event(), []

    async def work() -> None:
        with in_time():  # a step of the work has no budget
            await release.wait()
        done.append(1)

    async with patience():
        with store_time(), pytest.raises(StoreUnavailable):
            await tasks.shielded(work())
        release.set()
        await tasks.finish()
    assert done == [1]


async def test_a_task_that_outlives_its_request_is_not_bounded_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "STORE_TIME", 0.0)

    async def later() -> str:
        await ended.wait()
        with in_time():
            return "done"

    ended = asyncio.Event()
    with store_time():
        task = asyncio.create_task(later())
    ended.set()
    assert await task == "done"


Verb = Callable[[Any], Awaitable[object]]


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.find(bytes(16)),
        lambda store: store.swap(swap_of(session_of(account_of()))),
        lambda store: store.revoke(bytes(16), reason="revoked", now=NOW),
        lambda store: store.delete_account("ann", now=NOW),
    ],
)
async def test_without_time_left_a_store_begins_nothing(
    verb: Verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "STORE_TIME", 0.0)
    store = SQLiteStore(tmp_path / "gate.db")
    await store.open()
    with store_time(), pytest.raises(StoreUnavailable, match="too long"):
        await verb(store)
    assert store._writer._jobs.count == 0
    await store.close()
