"""A child that is forked while threads of its parent hold locks goes on at once (E6)."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gatepass.client import Loading, MemoryStorage
from gatepass.client.layers.retry import Budget
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow


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
    loading._move(loading._state.begin)
    return loading.count == 1


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """Another thread holds the lock, as in the middle of a refresh."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    yield
    done.set()
    thread.join()


@pytest.mark.parametrize(
    ("make", "lock", "use"),
    [
        (MemoryStorage, "_lock", with_storage),
        (Budget, "_lock", with_budget),
        (lambda: Loading(Indicator()), "_changed", with_loading),
    ],
)
def test_every_lock_of_the_client_is_free_in_the_child(
    make: Callable[[], Any], lock: str, use: Callable[[Any], bool]
) -> None:
    owner = make()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put(use(owner)))
    with held_elsewhere(getattr(owner, lock)):
        child.start()
        try:
            assert answers.get(timeout=PATIENCE) is True
        finally:
            child.kill()
            child.join()
