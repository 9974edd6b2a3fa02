"""Marks the tests of the whole product as slow, and says at the end of a run how much was explored.

`run.py test --quick` leaves out what is marked `slow`: what starts a database, a browser or another process, and the
few searches that take more than seconds. Under tests/system that is everything; elsewhere each says so itself.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SYSTEM = Path(__file__).parent / "system"

# mutmut runs a test several times in one process, and slowly (tools/mutation.py).
settings.register_profile("mutation", deadline=None, suppress_health_check=[HealthCheck.differing_executors])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is under tests/system."""
    for item in items:
        if item.path.is_relative_to(SYSTEM):
            item.add_marker(pytest.mark.slow)


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
