"""A child that is forked while threads of its parent hold locks goes on at once, however it was forked (E6)."""

from collections.abc import Callable
from typing import Any

import pytest

from gatepass.client import Loading, MemoryStorage
from gatepass.client.layers.interceptors import Interceptors
from gatepass.client.layers.retry import Budget
from gatepass.client.session.access_token import TokenState
from gatepass.client.session.single_flight import BackgroundThreads, SingleFlight
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child


class Indicator:
    def show(self, count: int) -> None: ...
    def update(self, count: int) -> None: ...

    def hide(self) -> None: ...


def with_storage(storage: MemoryStorage) -> bool:
    with storage.locked(0) as held:
        return held


def with_budget(budget: Budget) -> bool:
    budget.fill("https://api.example")
    return budget.spend("https://api.example")


def with_loading(loading: Loading) -> bool:
    counted = loading._counts.here
    loading._move(counted, counted.state.begin)
    return loading.count == 1


def with_state(state: TokenState) -> bool:
    state.clear(sid="01" * 16)
    return state.status == "active"


def with_interceptors(interceptors: Interceptors) -> bool:
    interceptors.request.use(print)
    return len(interceptors.request.entries) == 1


def with_threads(threads: BackgroundThreads) -> bool:
    ran: list[int] = []
    threads.start(lambda: ran.append(1))
    threads.wait()
    return ran == [1]


Use = Callable[[Any], bool]
OWNERS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Use]] = {
    "MemoryStorage": (MemoryStorage, lambda storage: storage._locks.here, with_storage),
    "Budget": (Budget, lambda budget: budget._locks.here, with_budget),
    "Loading": (lambda: Loading(Indicator()), lambda loading: loading._counts.here.changed, with_loading),
    "TokenState": (lambda: TokenState(60), lambda state: state.lock, with_state),
    "Interceptors": (Interceptors, lambda interceptors: interceptors.request._locks.here, with_interceptors),
    "SingleFlight": (SingleFlight, lambda flights: flights._runways.here.lock, lambda flights: flights.enter()[1]),
    "BackgroundThreads": (BackgroundThreads, lambda threads: threads._started.here.lock, with_threads),
}


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("name", OWNERS)
def test_every_lock_of_the_client_is_free_in_the_child(name: str, fork: Fork) -> None:
    make, lock_of, use = OWNERS[name]
    owner = make()
    with held_elsewhere(lock_of(owner)):
        assert holds_in_child(fork, lambda: use(owner))


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_waits_neither_for_a_flight_nor_for_a_thread_of_its_parent(fork: Fork) -> None:
    flights: SingleFlight[int] = SingleFlight()
    flight, _ = flights.enter()
    assert holds_in_child(fork, lambda: flights.enter()[1])

    def land_and_enter() -> bool:
        mine, leads = flights.enter()
        flights.finish(flight, 1)  # the thread that forked led the parent's
        return leads and flights.enter() == (mine, False)

    assert holds_in_child(fork, land_and_enter)


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_that_is_forked_in_a_call_does_not_count_its_end(fork: Fork) -> None:
    loading = Loading(Indicator())

    def next_layer(_call: object) -> Any:
        yield "forks here"

    flow: Any = loading._around(object(), next_layer)  # type: ignore[arg-type]
    next(flow)

    def end() -> bool:
        flow.close()
        return loading.count == 0

    assert holds_in_child(fork, end)
    flow.close()
    assert loading.count == 0
