"""What goes wrong elsewhere: each kind of failure has a test here that exists, and a report that can be found."""

import re
from pathlib import Path

from tests.system.docs.test_standards import is_there

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "concepts" / "elsewhere.md").read_text("utf-8")
_ROW = re.compile(r"^\| (?!what happens|---)(.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")


def test_every_kind_names_tests_that_exist() -> None:
    rows = _ROW.findall(PAGE)
    assert len(rows) >= 15
    tests = [test for *_, named in rows for test in re.findall(r"`([^`]+)`", named)]
    assert len(tests) >= len(rows)
    assert [test for test in tests if not is_there(test)] == []


def test_every_kind_has_a_report_or_says_that_there_is_none() -> None:
    for what, report, *_ in _ROW.findall(PAGE):
        assert report == "–" or _REPORT.search(report), what
