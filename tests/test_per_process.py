"""Each process has a thing of its own, whichever way it was forked, and all threads of one have the same."""

import threading

import pytest

from gatepass.per_process import PerProcess
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child
from tests.support.preempt import Race, Runner, explore


@pytest.mark.parametrize("fork", FORKS)
def test_a_lock_that_a_thread_of_the_parent_holds_is_free_in_the_child(fork: Fork) -> None:
    locks = PerProcess(threading.Lock)
    with held_elsewhere(locks.here):
        assert holds_in_child(fork, lambda: locks.here.acquire(blocking=False))
        assert not locks.here.acquire(blocking=False), "the parent keeps its own"


@pytest.mark.parametrize("fork", FORKS)
def test_the_thing_of_a_former_process_is_not_found_again_if_its_number_is(fork: Fork) -> None:
    things = PerProcess(list[int])
    things.here.append(1)
    assert holds_in_child(fork, lambda: things.here == [] and len(things._by_process) == len(things._former) == 1)
    assert things.here == [1]


def test_all_threads_of_a_process_have_the_same_thing() -> None:
    def race() -> Race:
        things = PerProcess(object)
        things._by_process[-1] = object()

        def holds(first: Runner, second: Runner) -> None:
            assert first.value is second.value is things.here
            assert len(things._by_process) == 1

        return Race(lambda: things.here, lambda: things.here, holds)

    assert explore(race, within=("gatepass.per_process",))
