"""Says at the end of a run how much the exploration of the table has explored, whichever process did it."""

import pytest
from hypothesis import HealthCheck, settings

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
