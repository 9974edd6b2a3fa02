"""The page of the faults holds: every scenario is on it, every claim names a test, every test that it names exists."""

import re
import sys
from importlib import import_module
from pathlib import Path

from tests.system.docs.test_standards import is_there
from tests.system.faults.mutants import MUTANTS
from tests.system.faults.scenario import SCENARIOS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "project" / "faults.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[^`]+\.py(?:::\w+)?)`")


def rows_of(section: str) -> list[list[str]]:
    """The cells of each row of the tables of a section, without the heads."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, section
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {
        number for number, line in enumerate(lines) if number + 1 < len(lines) and lines[number + 1].startswith("|--")
    }
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if number not in heads and not line.startswith("|--")
    ]


def titles() -> set[str]:
    for file in sorted((ROOT / "tests" / "system" / "faults").glob("test_*.py")):
        import_module(f"tests.system.faults.{file.stem}")
    return {title for title, _ in SCENARIOS.values()}


def test_every_scenario_is_on_the_page_and_none_that_is_not_played() -> None:
    assert {row[0] for row in rows_of("What was broken")} == {
        title for title in titles() if not title.startswith("mutant")
    }


def test_the_page_says_which_run_always() -> None:
    titles()
    modules = [module for name, module in sys.modules.items() if name.startswith("tests.system.faults.test_")]
    tests = {name: test for module in modules for name, test in vars(module).items() if name in SCENARIOS}
    in_full = {
        SCENARIOS[name][0] for name, test in tests.items() if any(mark.name == "full" for mark in test.pytestmark)
    }
    assert {row[0] for row in rows_of("What was broken") if row[1] != "always"} == {
        title for title in in_full if not title.startswith("mutant")
    }


def test_every_mutant_is_on_the_page() -> None:
    assert {row[0] for row in rows_of("The suite can fail")} == set(MUTANTS)


def test_every_claim_names_its_test() -> None:
    claims = [*rows_of("What holds"), *rows_of("What is lost, with which setting")]
    assert len(claims) > 15
    assert [claim for claim in claims if not TEST.search(claim[-1])] == []


def test_every_test_that_is_named_exists() -> None:
    named = set(TEST.findall(PAGE))
    assert sorted(test for test in named if not is_there(test)) == []
