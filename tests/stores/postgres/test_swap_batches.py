"""Swaps that share a commit: which go at once, which go together, and which get an error."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import pytest

from gatepass.core.session import Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres.swap_batches import MAX_BATCH, MAX_IN_FLIGHT, Row, RowsLocked, SwapBatcher
from gatepass.testing.records import account_of, session_of, swap_of


class FakeDatabase:
    """Takes batches, and answers one when a test calls `answer` or `fail`."""

    def __init__(self) -> None:
        self.batches: list[list[Swap]] = []
        self._answers: list[asyncio.Future[Sequence[Row]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.batcher = SwapBatcher(self._send, spawn=self._spawn)

    async def _send(self, swaps: Sequence[Swap]) -> Sequence[Row]:
        self.batches.append(list(swaps))
        answer: asyncio.Future[Sequence[Row]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        return await answer

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def answer(self, number: int, *, lost: Sequence[Swap] = ()) -> None:
        self._answers[number].set_result([(swap.sid,) for swap in self.batches[number] if swap not in lost])

    def fail(self, number: int, fault: Exception) -> None:
        self._answers[number].set_exception(fault)

    async def finish(self) -> None:
        """Answer all batches that are still open."""
        while not all(task.done() for task in self._tasks):
            for answer in self._answers:
                if not answer.done():
                    answer.set_result([])
            await turns()


@pytest.fixture
async def database() -> AsyncIterator[FakeDatabase]:
    database = FakeDatabase()
    yield database
    await database.finish()


async def turns(count: int = 5) -> None:
    """Let every task run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


def swap(name: str, branch: str = "") -> Swap:
    return swap_of(session_of(account_of(), name), branch=branch)


async def test_alone_a_swap_goes_at_once(database: FakeDatabase) -> None:
    answer = database.batcher.put(swap("a"))
    await turns(2)
    assert database.batches == [[swap("a")]]
    database.answer(0)
    assert await answer == (swap("a").sid,)


async def test_what_comes_in_one_turn_of_the_loop_goes_together_in_the_order_of_sids(database: FakeDatabase) -> None:
    for name in "abc":
        database.batcher.put(swap(name))
    await turns()
    (batch,) = database.batches
    assert batch == sorted((swap(name) for name in "abc"), key=lambda each: each.sid)


async def test_while_two_batches_are_in_flight_the_others_wait_and_share_the_next_one(
    database: FakeDatabase,
) -> None:
    for number in range(MAX_IN_FLIGHT):
        database.batcher.put(swap(f"busy {number}"))
        await turns()
    for name in "abc":
        database.batcher.put(swap(name))
        await turns()
    assert len(database.batches) == MAX_IN_FLIGHT
    database.answer(0)
    await turns()
    assert {each.sid for each in database.batches[MAX_IN_FLIGHT]} == {swap(name).sid for name in "abc"}


async def test_two_swaps_of_one_session_never_share_a_batch(database: FakeDatabase) -> None:
    first, second = database.batcher.put(swap("a", "x")), database.batcher.put(swap("a", "y"))
    other = database.batcher.put(swap("b"))
    await turns()
    assert [len(batch) for batch in database.batches] == [2, 1]
    database.answer(0)
    database.answer(1, lost=[swap("a", "y")])
    assert [await first, await second, await other] == [(swap("a").sid,), None, (swap("b").sid,)]


async def test_a_batch_is_bounded(database: FakeDatabase) -> None:
    for number in range(MAX_BATCH + 3):
        database.batcher.put(swap(f"{number}"))
    await turns()
    assert [len(batch) for batch in database.batches] == [MAX_BATCH, 3]


async def test_a_failed_batch_fails_all_in_it_and_nobody_else(database: FakeDatabase) -> None:
    one, two = database.batcher.put(swap("a")), database.batcher.put(swap("b"))
    await turns()
    later = database.batcher.put(swap("c"))
    await turns()
    database.fail(0, StoreUnavailable())
    database.answer(1)
    results = await asyncio.gather(one, two, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 2
    assert results[0] is not results[1]
    assert await later == (swap("c").sid,)


async def test_a_failed_batch_makes_way_for_the_next_one(database: FakeDatabase) -> None:
    for number in range(MAX_IN_FLIGHT + 2):
        answer = database.batcher.put(swap(f"{number}"))
        await turns()
        database.fail(number, StoreUnavailable())
        with pytest.raises(StoreUnavailable):
            await answer


async def test_a_caller_that_went_away_harms_nobody(database: FakeDatabase) -> None:
    gone, stays = database.batcher.put(swap("a")), database.batcher.put(swap("b"))
    await turns()
    gone.cancel()
    database.answer(0)
    assert await stays == (swap("b").sid,)


async def test_too_many_waiting_swaps_are_refused_at_once(
    database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepass.stores.postgres.swap_batches.MAX_WAITING", 2)
    database.batcher.put(swap("a"))
    database.batcher.put(swap("b"))
    with pytest.raises(StoreUnavailable):
        database.batcher.put(swap("c"))


async def test_a_swap_whose_row_is_locked_leaves_its_batch_and_both_batches_stay_free(database: FakeDatabase) -> None:
    blocked, free = database.batcher.put(swap("a")), database.batcher.put(swap("b"))
    await turns()
    database.fail(0, RowsLocked([(swap("b").sid,)], [swap("a").sid]))
    assert await free == (swap("b").sid,)
    await turns()
    assert database.batches[1] == [swap("a")], "it is tried again, in its own lane"
    for name in "cd":
        database.batcher.put(swap(name))
        await turns()
    assert database.batches[2:] == [[swap("c")], [swap("d")]]
    assert not blocked.done()
    database.answer(1)
    assert await blocked == (swap("a").sid,)


async def test_a_later_swap_of_a_locked_row_goes_into_the_same_lane(database: FakeDatabase) -> None:
    database.batcher.put(swap("a"))
    await turns()
    database.fail(0, RowsLocked([], [swap("a").sid]))
    await turns()
    later = database.batcher.put(swap("a", "later"))
    await turns()
    assert database.batches[1:] == [[swap("a")]], "one at a time"
    database.answer(1)
    await turns()
    assert database.batches[2:] == [[swap("a", "later")]]
    database.answer(2)
    assert await later == (swap("a").sid,)
    await turns()
    database.batcher.put(swap("a"))
    await turns()
    assert database.batcher._in_flight == 1, "once nothing is blocked it goes into a batch again"
