"""Finds what the documentation tells people to type: in code blocks, and in the middle of sentences.

In a block that says that it is a shell's (`sh`, `bash`, `console`), each line is a command; where one begins with `$`,
only those that do, the rest is what they print. In a block that says nothing, and between backticks in a sentence, a
command is what begins with a program of PROGRAMS. A comment, or a remark two spaces away, is no part of it. Outside a
shell's block `gatepass keys list | retire` are two commands; `[--workers N]` may be left out, and is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("gatepass", "python", "python3", "pip", "npm", "npx", "node", "uv", "curl", "openssl", "psql", "docker")
SHELLS = ("sh", "bash", "console", "shell")
_FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|\n\n)((?: {4}[^\n]*\n)+)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_VARIABLES = re.compile(r"(?:[A-Z_]+=\S* +)*")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is typed, and the page where it was found first."""

    text: str
    page: str


def pages() -> list[Path]:
    """Everything that a reader is sent to."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "web" / "client" / "README.md"]
    return sorted(page for page in found if page.name != "CHANGELOG.md")


def commands() -> list[Command]:
    """Every command once, in the order of the pages."""
    found: dict[str, Command] = {}
    for page in pages():
        name = str(page.relative_to(ROOT))
        for text in commands_of(page.read_text("utf-8")):
            found.setdefault(text, Command(text, name))
    return list(found.values())


def commands_of(text: str) -> Iterator[str]:
    """The commands of one page."""
    prose = _FENCE.sub("\n\n", text)
    for _, language, block in _FENCE.findall(text):
        if language in SHELLS or not language:
            yield from _of_block(block, is_shell=bool(language))
    for block in _INDENTED.findall(prose):
        yield from _of_block(block, is_shell=False)
    for span in _SPAN.findall(_INDENTED.sub("\n\n", prose)):
        if _is_command(span) and " " in span:
            yield from alternatives(span)


def _of_block(block: str, *, is_shell: bool) -> Iterator[str]:
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    for line in prompted or lines:
        typed = re.split(r"\s{2,}|\s#\s", line)[0]
        if prompted or is_shell:
            yield from [typed] if typed and not typed.startswith("#") else []
        elif _is_command(typed):
            yield from alternatives(typed)


def _is_command(text: str) -> bool:
    """Whether it begins with a program, perhaps after settings of its environment."""
    return _VARIABLES.sub("", text, count=1).split(" ")[0] in PROGRAMS


def alternatives(text: str) -> Iterator[str]:
    """`a b | c` → `a b`, `a c`; what stands in brackets is left out."""
    first, *others = re.split(r"\s*\|\s*", re.sub(r"\s*\[-[^\]]*\]", "", text))
    yield first
    stem = first.rpartition(" ")[0]
    yield from (f"{stem} {other}" for other in others)
