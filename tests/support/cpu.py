"""What a run of tests costs in CPU time: `python -m pytest -p tests.support.cpu PATHS`.

At the end it says for each file, each test and each shared fixture how many seconds of CPU it took, with all processes
that it started, the living ones too. To be read without `-n`, where one test comes after the other. Linux only.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

TICK = os.sysconf("SC_CLK_TCK")
SHOWN = 40
"""Lines of each list."""


def spent(pid: int | str = "self") -> float:
    """Seconds of a process, of those it has waited for, and of those that live below it."""
    below: list[str] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended meanwhile
                below += (thread / "children").read_text().split()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # a process that has, and its parent waits for it
        return 0.0
    return sum(map(int, fields[11:15])) / TICK + sum(map(spent, below))


class Costs:
    """Counts as the tests run."""

    def __init__(self) -> None:
        self.files: defaultdict[str, float] = defaultdict(float)
        self.tests: defaultdict[str, float] = defaultdict(float)
        self.fixtures: defaultdict[str, float] = defaultdict(float)
        self.last = spent()
        self.file = "(start)"

    def turn_to(self, file: str) -> None:
        """What was spent since the last turn belongs to the file before."""
        now = spent()
        self.files[self.file] += now - self.last
        self.last, self.file = now, file

    @pytest.hookimpl
    def pytest_collection(self) -> None:
        self.turn_to("(collection)")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        file = item.nodeid.partition("::")[0]
        self.turn_to(file)
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] = spent() - self.last

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        before = spent()
        try:
            return (yield)
        finally:
            self.fixtures[f"{fixturedef.baseid} {fixturedef.argname}"] += spent() - before

    def pytest_sessionfinish(self) -> None:
        self.turn_to("(end)")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The costliest first."""
        terminalreporter.section(f"CPU seconds: {sum(self.files.values()):.1f}")
        for counted in (self.files, self.tests, self.fixtures):
            for name, seconds in sorted(counted.items(), key=lambda item: -item[1])[:SHOWN]:
                terminalreporter.write_line(f"{seconds:8.2f} {name}")


def pytest_configure(config: pytest.Config) -> None:
    """Count in this process."""
    config.pluginmanager.register(Costs())
