"""What a process of tests shares is put away before the process may be killed."""

import subprocess
import sys

from tests import conftest

PROGRAM = """
from tools.services.at_end import at_end, end
at_end(print, "first")
at_end(print, "second")
{}
print("last line")
"""


def run(act: str) -> list[str]:
    """What the program prints that does this before its last line."""
    return subprocess.check_output([sys.executable, "-c", PROGRAM.format(act)], text=True).splitlines()


def test_a_program_puts_away_in_reverse_what_it_has_made_as_it_exits() -> None:
    assert run("") == ["last line", "second", "first"]


def test_a_session_of_tests_does_so_once_before_its_process_exits() -> None:
    assert run("from tests.conftest import pytest_sessionfinish as finish; finish()") == [
        "second",
        "first",
        "last line",
    ]
    assert conftest.pytest_sessionfinish.pytest_impl["trylast"]  # type: ignore[attr-defined]
