"""A document of a provider: fetched once for all who want it, renewed in time, used while it cannot be."""

import asyncio

import pytest

from gatepass.errors import ProviderUnavailable
from gatepass.oidc.cached import FRESH, KEPT, RETRY_INTERVAL, Cached
from gatepass.testing.clock import ManualClock


class Source:
    """Answers with a number each time, or fails."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> int:
        self.count += 1
        count = self.count
        await self.gate.wait()
        if self.fails:
            raise ProviderUnavailable("down")
        return count


async def test_however_many_want_it_one_fetches_it() -> None:
    source = Source()
    source.gate.clear()
    cached = Cached(source.fetch, clock=ManualClock())
    waiting = [asyncio.create_task(cached.get()) for _ in range(20)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 20


async def test_one_that_gives_up_does_not_end_the_fetch_of_the_others() -> None:
    source = Source()
    source.gate.clear()
    cached = Cached(source.fetch, clock=ManualClock())
    hasty, patient = asyncio.create_task(cached.get()), asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    hasty.cancel()
    source.gate.set()
    assert await patient == 1


async def test_it_is_renewed_after_an_hour_and_used_for_a_day_if_it_cannot_be() -> None:
    source, clock = Source(), ManualClock()
    cached = Cached(source.fetch, clock=clock)
    assert await cached.get() == 1
    clock.advance(FRESH - 1)
    assert await cached.get() == 1
    clock.advance(1)
    assert await cached.get() == 2
    source.fails = True
    clock.advance(FRESH)
    assert await cached.get() == 2
    assert source.count == 3
    assert await cached.get() == 2
    assert source.count == 3, "and tried again after a while only"
    clock.advance(KEPT)
    with pytest.raises(ProviderUnavailable):
        await cached.get()


async def test_what_is_forced_is_forced_once_in_a_while() -> None:
    source, clock = Source(), ManualClock()
    cached = Cached(source.fetch, clock=clock)
    assert await cached.get() == 1
    assert await cached.renewed() is None
    clock.advance(RETRY_INTERVAL)
    assert await cached.renewed() == 2
    assert await cached.renewed() is None


async def test_a_clock_that_was_set_back_does_not_keep_it_for_ever() -> None:
    source, clock = Source(), ManualClock()
    cached = Cached(source.fetch, clock=clock)
    assert await cached.get() == 1
    clock.advance(-100)
    assert await cached.get() == 2


def test_a_fetch_that_another_event_loop_left_behind_is_not_waited_for() -> None:
    clock = ManualClock()
    sources: list[Source] = []

    async def fetch() -> int:
        return await sources[-1].fetch()

    cached = Cached(fetch, clock=clock)

    async def leave() -> None:
        sources.append(Source())
        sources[-1].gate.clear()
        waiting = asyncio.create_task(cached.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()

    async def ask() -> int:
        sources.append(Source())
        return await cached.get()

    left = asyncio.new_event_loop()
    left.run_until_complete(leave())
    assert asyncio.run(ask()) == 1
    for task in asyncio.all_tasks(left):
        task.cancel()
    left.run_until_complete(asyncio.sleep(0))
    left.close()
