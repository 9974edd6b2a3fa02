"""The thread of a gate without an event loop of its own is started and stopped by other threads at any time."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from gatepass.errors import ConfigurationError
from gatepass.runtime.thread import LoopThread
from tests.support.forks import FORKS, KNOWN, Fork, held_elsewhere, holds_in_child
from tests.support.preempt import Race, Runner, explore


async def nothing() -> None:
    """Open or close nothing."""


def test_a_gate_that_was_stopped_while_it_opened_opens_again() -> None:
    asked = threading.Event()
    opened: list[str] = []
    background = LoopThread(open=lambda: note(), close=nothing)
    stops = threading.Thread(target=background.stop)

    async def note() -> None:
        opened.append("once")
        if len(opened) == 1:
            background._stopping.__class__ = Stopping

    class Stopping(asyncio.Event):
        def is_set(self) -> bool:
            found = super().is_set()
            if not asked.is_set():
                stops.start()
                asked.wait()
            return found

        @property
        def set(self):  # type: ignore[no-untyped-def]
            asked.set()
            return super().set

    background.wait_until_open()
    stops.join()
    background.wait_until_open()
    assert opened == ["once"] * 2
    background.stop()


def test_threads_that_call_start_and_stop_it_all_get_an_answer() -> None:
    def race() -> Race:
        background = LoopThread(open=nothing, close=nothing)

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]
            assert background.submit(answer()).result(30) == 42
            background.stop()

        return Race(lambda: background.submit(answer()).result(30), background.stop, holds)

    assert explore(race, within=("gatepass.runtime.thread",))


async def answer() -> int:
    return 42


def refuses(act: Callable[[], object]) -> bool:
    try:
        act()
    except ConfigurationError as refusal:
        return "--lazy-apps" in str(refusal)
    return False


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_opens_a_gate_anew_or_says_what_its_server_must_be_told(fork: Fork) -> None:
    background = LoopThread(open=nothing, close=nothing)
    assert background.submit(answer()).result() == 42
    background.wait_until_open()

    def goes_on() -> bool:
        background.wait_until_open()
        return background.submit(answer()).result() == 42

    def says_so() -> bool:
        work = answer()
        said = refuses(background.wait_until_open) and refuses(lambda: background.submit(work))
        work.close()
        background.stop()  # at the end of the process
        return said

    assert holds_in_child(fork, goes_on if fork is KNOWN else says_so)
    if fork is not KNOWN:
        with held_elsewhere(background._lock):
            assert holds_in_child(fork, says_so)
    assert background.submit(answer()).result() == 42
    background.stop()
