"""What each browser did, at the end of a run: how many tests passed, failed or were skipped, and which it never had.

    firefox: 61 passed
    webkit-https: 55 passed, 1 failed, 2 skipped
    not in firefox, webkit: 6 tests: pages that the debugger puts to sleep

A plugin, which conftest.py registers. With xdist the processes that run the tests tell the one that sums up.
"""

from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.system.browser.engines.variants import chosen, left_out

OUTCOMES = ("passed", "failed", "error", "skipped")


class Report:
    """See above."""

    def __init__(self) -> None:
        self._left_out: Counter[str] = Counter()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note the browser of a test, and each test that others of this run never have."""
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "variant" in parameters:
            item.user_properties.append(("browser", str(parameters["variant"])))
        absent, reason = left_out(item)
        if absent := [name for name in absent if name in chosen()]:
            self._left_out[f"not in {', '.join(absent)}: {reason}"] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A process of xdist tells what it has collected."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = dict(self._left_out)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Every such process has collected the same."""
        self._left_out = Counter(getattr(node, "workeroutput", {}).get("left_out", self._left_out))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write it."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for outcome in OUTCOMES:
            for report in terminalreporter.getreports(outcome):
                for name, value in report.user_properties:
                    if name == "browser":
                        counts[str(value)][outcome] += 1
        for name, found in sorted(counts.items()):
            said = ", ".join(f"{found[outcome]} {outcome}" for outcome in OUTCOMES if found[outcome])
            terminalreporter.write_line(f"{name}: {said}")
        for what, count in sorted(self._left_out.items()):
            terminalreporter.write_line(f"{what} ({count})")
