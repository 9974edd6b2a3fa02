"""What all tests share: one open gate, one browser that is signed in, and a summary of what was explored."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate

# mutmut runs a test several times in one process, and slowly (tools/mutation.py).
settings.register_profile("mutation", deadline=None, suppress_health_check=[HealthCheck.differing_executors])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each scenario and one for their sum, if any ran."""
    found = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    states = sum(int(str(value)) for name, value in found if name == "states")
    for name, value in found:
        if name == "explored":
            terminalreporter.write_line(f"explored {value}")
        if name == "faults":
            terminalreporter.write_line(f"survived {value}")
    if states:
        terminalreporter.write_line(f"The table keeps its promises in all {states:,} states that were explored.")


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate at https://gate.example over a store in memory."""
    async with open_gate() as made:
        yield made


@pytest.fixture
async def ann(at: GateHarness) -> Browser:
    """A keyed browser that has just signed up."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    at.store.verbs.clear()
    at.events.clear()
    return browser
