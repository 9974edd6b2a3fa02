"""The page of the standards holds: every row once, every test that it names exists, nothing without proof or reason."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "project" / "standards.md"
GROUPS = (
    "PW 11, LG 9, SF 10, MC 6, OC 9, TK 21, RC 9, PG 6, CS 9, RT 12, SL 6, LO 14, LK 10, KM 7, TR 7, "
    "EL 8, RL 5, CC 10, MT 5, DP 3, DB 10, OP 8, LI 5"
)
COUNTS = {group: int(count) for group, count in re.findall(r"(\w+) (\d+)", GROUPS)}
"""Rows of each group: 200. A row that is not missed would be the one that is not proven."""
_ROW = re.compile(r"\| ([A-Z]{2}-\d{2}) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| (.*) \|")
_TEST = re.compile(r"`((?:tests|web)/[^`]+)`")


def rows() -> dict[str, tuple[str, str, str, str]]:
    """Id → level, requirement, source, proof. Fails at a row that stands twice."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if match := _ROW.fullmatch(line):
            name, *cells = match.groups()
            assert name not in found, f"{name} stands twice"
            found[name] = (cells[0], cells[1], cells[2], cells[3])
    return found


@functools.cache
def functions(file: Path) -> frozenset[str]:
    """The tests of a Python file, those of its classes among them."""
    tree = ast.parse(file.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def is_there(test: str) -> bool:
    """Whether a test exists: `tests/x.py::test_y`, `tests/x.py` for all of it, `web/x.test.ts: title`."""
    if test.startswith("web/"):
        path, _, title = test.partition(": ")
        return bool(title) and (ROOT / path).is_file() and f'"{title}"' in (ROOT / path).read_text("utf-8")
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and (not name or name in functions(ROOT / path))


def test_every_row_is_there_once_and_none_is_empty() -> None:
    expected = {f"{group}-{number:02}" for group, count in COUNTS.items() for number in range(1, count + 1)}
    assert set(rows()) == expected
    assert sum(COUNTS.values()) == 200
    for name, (level, requirement, source, proof) in rows().items():
        assert level in ("must", "should", "nice"), name
        assert len(requirement) > 15, name
        assert len(source) > 2, name
        assert proof.strip(), name


def test_every_row_has_a_test_or_a_reason() -> None:
    for name, (_, _, _, proof) in rows().items():
        reason = proof.partition("Reason: ")[2]
        assert _TEST.search(proof) or len(reason) > 30, f"{name} has neither"


def test_every_must_is_proven() -> None:
    """A reason may stand beside a test, never in its place."""
    unproven = [name for name, (level, *_, proof) in rows().items() if level == "must" and not _TEST.search(proof)]
    assert unproven == []


def test_every_test_that_is_named_exists() -> None:
    named = {test for *_, proof in rows().values() for test in _TEST.findall(proof)}
    assert len(named) > 150
    assert sorted(test for test in named if not is_there(test)) == []


@pytest.mark.parametrize(
    "page",
    sorted([*(ROOT / "docs" / "project" / "decisions").glob("*.md"), ROOT / "SECURITY.md"]),
    ids=lambda p: p.name,
)
def test_every_test_that_a_decision_names_exists(page: Path) -> None:
    assert sorted(test for test in _TEST.findall(page.read_text("utf-8")) if not is_there(test)) == []


def test_each_conflict_has_one_decision_in_one_form() -> None:
    folder = ROOT / "docs" / "project" / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    pages = sorted(folder.glob("[0-9]*.md"))
    assert [page.name[:2] for page in pages] == [f"{number:02}" for number in range(1, 13)]
    for number, page in enumerate(pages, start=1):
        text = page.read_text("utf-8")
        assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences", "Evidence"]
        assert len(text.splitlines()) <= 40, page.name
        assert f"]({page.name})" in index
        assert f"| C{number} |" in index


@pytest.mark.parametrize(
    "test", ["tests/nothing.py::test_x", "tests/system/docs/test_standards.py::test_x", "web/client/test/x.test.ts: y"]
)
def test_a_test_that_is_not_there_is_noticed(test: str) -> None:
    assert not is_there(test)


def test_what_is_not_promised_is_said() -> None:
    """LG-09 and the residual risks: a page that only praises is no threat model."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for risk in ("Malware", "XSS while it runs", "A second factor", "A stolen access token", "without the feed"):
        assert risk in text
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", text), "no address that nobody reads"


def test_what_a_script_can_do_is_said() -> None:
    """DP-03, CC-09, RC-03: each thing that the tests of the browser show a script of the page to be able to do."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    residual = " ".join(text.partition("**XSS while it runs.**")[2].partition("\n* ")[0].split())
    for said in (
        "take the access token",
        "use the binding key",
        "a key that it knows",
        "the tabs' channel",
        "plant a refresh",
    ):
        assert said in residual


def test_the_times_for_repairs_are_said() -> None:
    """OP-05: a time for each severity, the rarer the shorter, and how faults of packages are looked for."""
    text = (ROOT / "SECURITY.md").read_text("utf-8").partition("## Supported versions")[2].partition("\n## ")[0]
    days = [
        int(found) for found in re.findall(r"^\| (?:critical|high|medium)\b[^|]*\| (\d+) days \|$", text, re.MULTILINE)
    ]
    assert len(days) == 3
    assert days == sorted(days)
    for command in ("audit", "sbom"):
        assert f"`python3 run.py {command}`" in text
        assert f'"{command}": {command},' in (ROOT / "run.py").read_text("utf-8")
