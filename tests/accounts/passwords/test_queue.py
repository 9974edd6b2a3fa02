"""The queue in front of the hashing threads: a flood waits behind all other callers."""

import asyncio

import pytest

from gatepass.accounts.passwords.queue import FairQueue
from gatepass.errors import Overloaded


class Desk:
    """Callers of one queue whose work ends when the test says so. `served` has them in order of their turns."""

    def __init__(self, *, running: int = 1, waiting: int = 100) -> None:
        self.queue = FairQueue(running=running, waiting=waiting)
        self.served: list[str] = []
        self.refused: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._gone: set[str] = set()

    async def come(self, network: str, count: int = 1) -> list[asyncio.Task[None]]:
        """So many callers of a network, one after the other; "a" has "a1", "a2" …"""
        names = [
            f"{network}{1 + number + sum(name.startswith(network) for name in self._ends)}" for number in range(count)
        ]
        tasks = []
        for name in names:
            self._ends[name] = asyncio.Event()
            tasks.append(asyncio.ensure_future(self._be_served(name, network)))
            await settle()
        return tasks

    async def end(self, count: int = 1) -> None:
        """Let the work of those who are served end, so many times."""
        for _ in range(count):
            name = next(each for each in self.served if not (self._ends[each].is_set() or each in self._gone))
            self._ends[name].set()
            await settle()

    async def _be_served(self, name: str, network: str) -> None:
        try:
            async with self.queue.turn(network):
                self.served.append(name)
                await self._ends[name].wait()
        except Overloaded:
            self.refused.append(name)
        except asyncio.CancelledError:
            self._gone.add(name)
            raise


async def settle() -> None:
    """Until nothing moves any more: a turn is handed over in a few steps of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_as_many_as_may_run_run_at_once() -> None:
    desk = Desk(running=2)
    await desk.come("a", 3)
    assert desk.served == ["a1", "a2"]
    await desk.end()
    assert desk.served == ["a1", "a2", "a3"]


async def test_networks_take_turns_whatever_each_has_sent() -> None:
    desk = Desk()
    for network, count in (("a", 5), ("b", 1), ("c", 2)):
        await desk.come(network, count)
    await desk.end(7)
    assert desk.served == ["a1", "a2", "b1", "c1", "a3", "c2", "a4", "a5"]


async def test_a_newcomer_waits_for_one_turn_of_each_other_network_at_most() -> None:
    desk = Desk()
    for network in "abcde":
        await desk.come(network, 15)
    await desk.come("z")
    await desk.end(6)
    assert "z1" in desk.served


async def test_of_a_full_queue_the_newest_of_the_network_with_most_is_refused() -> None:
    desk = Desk(waiting=4)
    await desk.come("a", 5)
    assert desk.refused == []
    await desk.come("b")
    assert desk.refused == ["a5"]
    await desk.come("b")
    assert desk.refused == ["a5", "a4"]
    await desk.come("c")
    assert desk.refused == ["a5", "a4", "a3"], "the one that has waited longest is next, its newest is refused"


async def test_of_equals_the_newcomer_is_refused() -> None:
    desk = Desk(waiting=3)
    await desk.come("x")
    for network in "abcd":
        await desk.come(network)
    assert desk.refused == ["d1"]


async def test_one_network_alone_may_use_all_of_it() -> None:
    desk = Desk(waiting=4)
    await desk.come("a", 6)
    assert desk.refused == ["a6"]
    await desk.end(5)
    assert desk.served == ["a1", "a2", "a3", "a4", "a5"]


@pytest.mark.parametrize("network", ["", None])
async def test_an_unknown_network_is_one_among_others(network: str | None) -> None:
    queue = FairQueue(running=1, waiting=1)
    async with queue.turn(network):
        pass
    async with queue.turn("a"):
        pass


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_caller_who_leaves_takes_no_turn_with_it(place: int) -> None:
    desk = Desk()
    tasks = await desk.come("a", 3)
    tasks[place].cancel()
    await settle()
    await desk.come("b")
    await desk.end(3)
    assert {"a1", "a2", "a3"} - set(desk.served) <= {f"a{place + 1}"}
    assert "b1" in desk.served
    assert desk.queue._free == 1


async def test_a_turn_that_came_as_its_caller_left_goes_to_the_next() -> None:
    desk = Desk()
    _, second, _ = await desk.come("a", 3)
    desk._ends["a1"].set()
    while "a2" not in desk.served and not second.done():
        await asyncio.sleep(0)
        second.cancel()  # at every step, so that also between the turn and the moment at which it is taken
    await settle()
    assert "a3" in desk.served


async def test_a_caller_who_was_refused_as_it_left_gives_no_turn_back() -> None:
    desk = Desk(waiting=1)
    (_, waiting) = await desk.come("a", 2)
    task = asyncio.ensure_future(desk._be_served("b1", "b"))
    desk._ends["b1"] = asyncio.Event()
    await asyncio.sleep(0)
    task.cancel()
    waiting.cancel()
    await settle()
    await desk.end()
    assert desk.queue._free == 1
