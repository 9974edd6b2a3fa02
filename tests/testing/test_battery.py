"""The battery and the machine find a store that breaks its contract: one sentence of it at a time."""

import inspect
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gatepass.ports import Store
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.battery import StoreBattery
from gatepass.testing.machine import StoreMachine
from tests.testing import broken_accounts, broken_sessions
from tests.testing.broken_sessions import (
    CountsOnce,
    ForgetsThePrevious,
    RevokesTwice,
    SwapsAnyBinding,
    SwapsTheDead,
    SwapsTheExpired,
)

BROKEN = [
    value
    for stores in (broken_sessions, broken_accounts)
    for value in vars(stores).values()
    if inspect.isclass(value) and MemoryStore in value.__bases__
]
BATTERY: dict[str, Callable[..., Awaitable[None]]] = {
    name: test for name, test in inspect.getmembers(StoreBattery, inspect.isfunction) if name.startswith("test_")
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_the_battery_finds_a_broken_store(broken: type[MemoryStore]) -> None:
    found = []
    for name, test in BATTERY.items():
        try:
            await test(StoreBattery(), broken())
        except AssertionError:
            found.append(name)
    assert found, f"{broken.__name__} passes every test"
    assert len(found) < len(BATTERY) / 2, "a fault is found by the tests that name it, not by all"


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        *(SwapsTheDead, SwapsTheExpired, RevokesTwice, CountsOnce),
        *(pytest.param(store, marks=pytest.mark.full) for store in (SwapsAnyBinding, ForgetsThePrevious)),
    ],
)
def test_the_machine_finds_a_broken_store(broken: type[MemoryStore]) -> None:
    class Machine(StoreMachine):
        def make_store(self) -> Store:
            return broken()

    one = settings(
        Machine.TestCase.settings,
        max_examples=200,
        phases=[Phase.generate],  # the first failing run is enough: the smallest is not needed
        report_multiple_bugs=False,
        derandomize=True,
        database=None,
        print_blob=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=one)
