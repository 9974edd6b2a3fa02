"""What explores races finds one, says where it is, and sees a deadlock."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from tests.support.preempt import Race, Runner, explore

HERE = (__name__,)


def fine(*runners: Runner) -> None:
    assert [runner.error for runner in runners] == [None, None]


class Counter:
    def __init__(self, lock: Any) -> None:
        self.count = 0
        self.lock = lock

    def add(self) -> None:
        with self.lock:
            before = self.count
            self.count = before + 1


def counting(lock: Callable[[], Any]) -> Race:
    counter = Counter(lock())

    def holds(*runners: Runner) -> None:
        fine(*runners)
        assert counter.count == 2

    return Race(counter.add, counter.add, holds)


class NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_a_lost_update_is_found_and_its_place_is_named() -> None:
    with pytest.raises(AssertionError, match=rf"1 places:\n  second before {__name__}:\d+ \(add\)"):
        explore(lambda: counting(NoLock), within=HERE)


def test_with_a_lock_nothing_is_lost_and_the_one_that_waits_goes_on_later() -> None:
    assert explore(lambda: counting(threading.Lock), within=HERE) >= 3
    assert explore(lambda: counting(threading.RLock), within=HERE) >= 3


def test_what_a_cache_makes_twice_is_found() -> None:
    def race() -> Race:
        made: list[object] = []

        @functools.cache
        def make() -> object:
            made.append(object())
            return made[-1]

        def holds(first: Runner, second: Runner) -> None:
            assert first.value is second.value

        return Race(make, make, holds)

    with pytest.raises(AssertionError, match="second before"):
        explore(race, within=HERE)


def test_who_waits_for_a_future_lets_the_other_one_run() -> None:
    def race() -> Race:
        future: Future[int] = Future()
        return Race(lambda: future.set_result(1), lambda: future.result(), fine)

    assert explore(race, within=("concurrent.futures",))


def test_an_event_loop_that_waits_lets_the_other_one_run() -> None:
    def race() -> Race:
        future: Future[int] = Future()

        async def wait() -> int:
            return await asyncio.wrap_future(future)

        def holds(first: Runner, second: Runner) -> None:
            fine(first, second)
            assert second.value == 1

        return Race(lambda: future.set_result(1), lambda: asyncio.run(wait()), holds)

    assert explore(race, within=("concurrent.futures",))


def test_a_deadlock_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.preempt.PATIENCE", 20)

    def race() -> Race:
        one, other = threading.Lock(), threading.Lock()

        def in_order(first: Any, second: Any) -> None:
            with first:  # noqa: SIM117 (a line of its own)
                with second:
                    pass

        return Race(lambda: in_order(one, other), lambda: in_order(other, one), fine)

    with pytest.raises(AssertionError, match="deadlock"):
        explore(race, within=HERE)
