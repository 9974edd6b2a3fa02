"""Swaps that share a commit: who goes at once, who goes together, and who learns of a failure."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import pytest

from gatepass.core.session import Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres.swap_batches import LANES, MAX_BATCH, Row, SwapBatcher
from gatepass.testing.records import account_of, session_of, swap_of


class Line:
    """Takes batches and answers when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[Swap]] = []
        self._answers: list[asyncio.Future[Sequence[Row]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.queue = SwapBatcher(self._send, spawn=self._spawn)

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
        """Answer all that is still open."""
        while not all(task.done() for task in self._tasks):
            for answer in self._answers:
                if not answer.done():
                    answer.set_result([])
            await turns()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    await line.finish()


async def turns(count: int = 5) -> None:
    """Let everybody go on who can."""
    for _ in range(count):
        await asyncio.sleep(0)


def swap(name: str, branch: str = "") -> Swap:
    return swap_of(session_of(account_of(), name), branch=branch)


async def test_alone_a_swap_goes_at_once(line: Line) -> None:
    answer = line.queue.put(swap("a"))
    await turns(2)
    assert line.batches == [[swap("a")]]
    line.answer(0)
    assert await answer == (swap("a").sid,)


async def test_what_comes_in_one_turn_of_the_loop_goes_together_in_the_order_of_sids(line: Line) -> None:
    for name in "abc":
        line.queue.put(swap(name))
    await turns()
    (batch,) = line.batches
    assert batch == sorted((swap(name) for name in "abc"), key=lambda each: each.sid)


async def test_while_all_lanes_are_busy_the_others_gather_and_the_first_free_lane_takes_them(line: Line) -> None:
    for number in range(LANES):
        line.queue.put(swap(f"busy {number}"))
        await turns()
    for name in "abc":
        line.queue.put(swap(name))
        await turns()
    assert len(line.batches) == LANES
    line.answer(0)
    await turns()
    assert {each.sid for each in line.batches[LANES]} == {swap(name).sid for name in "abc"}


async def test_two_swaps_of_one_session_never_share_a_batch(line: Line) -> None:
    first, second = line.queue.put(swap("a", "x")), line.queue.put(swap("a", "y"))
    other = line.queue.put(swap("b"))
    await turns()
    assert [len(batch) for batch in line.batches] == [2, 1]
    line.answer(0)
    line.answer(1, lost=[swap("a", "y")])
    assert [await first, await second, await other] == [(swap("a").sid,), None, (swap("b").sid,)]


async def test_a_batch_is_bounded(line: Line) -> None:
    for number in range(MAX_BATCH + 3):
        line.queue.put(swap(f"{number}"))
    await turns()
    assert [len(batch) for batch in line.batches] == [MAX_BATCH, 3]


async def test_a_failed_batch_fails_all_in_it_and_nobody_else(line: Line) -> None:
    one, two = line.queue.put(swap("a")), line.queue.put(swap("b"))
    await turns()
    later = line.queue.put(swap("c"))
    await turns()
    line.fail(0, StoreUnavailable())
    line.answer(1)
    results = await asyncio.gather(one, two, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 2
    assert results[0] is not results[1]
    assert await later == (swap("c").sid,)


async def test_a_failure_frees_its_lane(line: Line) -> None:
    for number in range(LANES + 2):
        answer = line.queue.put(swap(f"{number}"))
        await turns()
        line.fail(number, StoreUnavailable())
        with pytest.raises(StoreUnavailable):
            await answer


async def test_a_caller_that_went_away_harms_nobody(line: Line) -> None:
    gone, stays = line.queue.put(swap("a")), line.queue.put(swap("b"))
    await turns()
    gone.cancel()
    line.answer(0)
    assert await stays == (swap("b").sid,)


async def test_too_many_waiting_swaps_are_refused_at_once(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.stores.postgres.swap_batches.MAX_WAITING", 2)
    line.queue.put(swap("a"))
    line.queue.put(swap("b"))
    with pytest.raises(StoreUnavailable):
        line.queue.put(swap("c"))
