"""What must not stand in the source: secrets, ways around TLS, text that becomes a program (KM-01, CC-09, CC-10)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = sorted((ROOT / "src").rglob("*.py"))
BROWSER = sorted(
    file
    for folder in ("web/client/src", "web/demo/src")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in (".ts", ".tsx")
)
OF_TESTS = "web/client/src/cypress.ts"
"""Runs the server's script in the pages of an application's tests. No page that people see has it."""


def lines(files: list[Path], pattern: str) -> Iterator[str]:
    """Where a pattern stands, as file:line."""
    sought = re.compile(pattern)
    for file in files:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
            if sought.search(line):
                yield f"{file.relative_to(ROOT)}:{number}: {line.strip()}"


@pytest.mark.parametrize(
    "sink",
    [
        r"\b(inner|outer)HTML\b",
        r"insertAdjacentHTML",
        r"dangerouslySetInnerHTML",
        r"document\.write",
        r"\beval\(",
        r"new Function\(",
        r"setTimeout\(\s*[\"'`]",
        r"srcdoc",
        r"javascript:",
        r"window\.postMessage|parent\.postMessage|opener\.postMessage",
        r"localStorage\.setItem\([^)]*[tT]oken",
    ],
)
def test_no_browser_code_uses_an_unsafe_sink(sink: str) -> None:
    assert len(BROWSER) > 30
    assert list(lines([file for file in BROWSER if file != ROOT / OF_TESTS], sink)) == []


CHANNEL = "web/client/src/session/tab-channel.ts"


def test_one_file_alone_sends_and_hears_messages_between_windows() -> None:
    """CC-09: what it sends and believes is shown by tests/system/browser/test_channel.py."""
    sends = r"\.postMessage\(|new [\w.]*(BroadcastChannel|MessageChannel|SharedWorker)\("
    hears = r"\.onmessage\b|addEventListener\([^)]*[\"']message"
    shipped = [file for file in BROWSER if "testing" not in file.parts]
    assert {line.partition(":")[0] for line in lines(shipped, f"{sends}|{hears}")} == {CHANNEL}


@pytest.mark.parametrize(
    "switch", [r"verify\s*=\s*False", r"CERT_NONE", r"check_hostname\s*=\s*False", r"_create_unverified", r"ssl=False"]
)
def test_no_code_switches_the_checks_of_tls_off(switch: str) -> None:
    files = [file for file in PYTHON if "testing" not in file.parts]
    assert len(files) > 100
    assert list(lines(files, switch)) == ALLOWED.get(switch, [])


ALLOWED: dict[str, list[str]] = {}


@pytest.mark.parametrize(
    "pattern",
    [
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"gp_rt_[A-Za-z0-9_-]{40}",
        r"eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.",
        r"(?i)(secret|password|token|key)\s*[:=]\s*[\"'][A-Za-z0-9_+/-]{32,}[\"']",
        r"AKIA[0-9A-Z]{16}",
        r"gh[pousr]_[A-Za-z0-9]{30}",
        r"xox[abp]-[0-9A-Za-z-]{20}",
    ],
)
def test_no_secret_stands_in_the_source(pattern: str) -> None:
    """What is shipped, not what tests make up: those say whose secrets they are by their place."""
    shipped = [*PYTHON, *BROWSER, *ROOT.glob("*.toml"), *ROOT.glob("*.py"), *(ROOT / "docs").rglob("*.md")]
    assert list(lines(shipped, pattern)) == []


@pytest.mark.parametrize(
    "call", [r"\bpickle\.loads?\(", r"\byaml\.load\(", r"shell\s*=\s*True", r"\bos\.system\(", r"\bexec\("]
)
def test_no_text_becomes_a_program(call: str) -> None:
    assert list(lines(PYTHON, call)) == []
