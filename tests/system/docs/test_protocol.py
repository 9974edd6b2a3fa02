"""Every citation of the protocol names a section or a promise of its page; no text outside the repository is cited."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "protocol.md"
FOLDERS = ("src", "tests", "web", "benchmarks", "tools", "examples", "contract", "docs")
KINDS = {".py", ".ts", ".tsx", ".mjs", ".md", ".json", ".sql"}
MADE = {"node_modules", "dist", "page", "__pycache__"}
_CITED = re.compile(r"PROTOCOL(?: §| section )\d+(?:\.\d+)?(?:(?:, | and )§\d+(?:\.\d+)?)*")
_PROMISE = re.compile(r"\bP([1-9])\b")
_ELSEWHERE = re.compile(r"\bDESIGN\b|\bHOUSE\b|\bFINDINGS\b|\(research[:,)]|\bstandards [A-Z]\d\b")


@functools.cache
def texts() -> tuple[tuple[str, str], ...]:
    """Path and text of every file that is written by hand, this one left out."""
    files = [*(path for folder in FOLDERS for path in _files(ROOT / folder)), *ROOT.glob("*.md"), ROOT / "run.py"]
    wanted = [path for path in files if path.suffix in KINDS and path != Path(__file__).resolve()]
    return tuple((str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in wanted)


def _files(folder: Path) -> Iterator[Path]:
    """Those below a folder; what is made is not even walked through: packages of npm are a hundred thousand files."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in MADE]
        yield from (Path(place, name) for name in names)


def sections() -> set[str]:
    """The numbers of the page's headings."""
    return set(re.findall(r"^#{2,3} §(\d+(?:\.\d+)?) ", PAGE.read_text("utf-8"), flags=re.MULTILINE))


def promises() -> set[str]:
    """The numbers of the rows of §1."""
    return set(re.findall(r"^\| P(\d) \| \*\*", PAGE.read_text("utf-8"), flags=re.MULTILINE))


def test_every_section_that_is_cited_is_a_heading_of_the_page() -> None:
    cited = {
        (number, path)
        for path, text in texts()
        for words in _CITED.findall(text)
        for number in re.findall(r"\d+(?:\.\d+)?", words)
    }
    assert len(cited) > 50
    assert sorted(f"{path}: §{number}" for number, path in cited if number not in sections()) == []


def test_every_promise_that_is_cited_is_a_row_of_the_first_section() -> None:
    cited = {(number, path) for path, text in texts() for number in _PROMISE.findall(text)}
    assert len(cited) > 20
    assert sorted(f"{path}: P{number}" for number, path in cited if number not in promises()) == []


def test_the_sections_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(number) for number in sections() if "." not in number)
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted(promises()) == [str(number) for number in range(1, len(promises()) + 1)]


def test_the_cases_of_the_table_are_those_of_the_code() -> None:
    source = (ROOT / "src" / "gatepass" / "core" / "rotation.py").read_text("utf-8")
    head = source.split('"""')[1]
    table = PAGE.read_text("utf-8").partition("## §4 ")[2].partition("## §5 ")[0]
    in_code = re.findall(r"^    (\w+)  +\S.*  +\S", head, flags=re.MULTILINE)
    assert len(in_code) == 10, "two for every token, three for a bound one, five more for an unbound one"
    assert re.findall(r"^\| \*\*(\w+)\*\* \|", table, flags=re.MULTILINE) == in_code


def test_nothing_is_cited_that_is_not_in_the_repository() -> None:
    assert sorted(f"{path}: {word}" for path, text in texts() for word in _ELSEWHERE.findall(text)) == []
