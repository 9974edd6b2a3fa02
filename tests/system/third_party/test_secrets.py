"""Nothing in the repository is a secret, a place on a person's machine, or the address of a private registry.

All tracked files, tests and lock files among them; `tests/system/security/test_sources.py` looks more narrowly at
what is shipped. What looks like a secret and is none is listed below, by its digest: a list of secrets would
be found by every other scanner.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PATTERNS = {
    # With what a real one has: 128 characters after the prefix, a MAC at the end, a key of 32 bytes.
    "refresh token": r"gp_rt_[A-Za-z0-9_-]{128}",
    "token of a mailed link": r"gp_(?:vt|pr|fr)_[A-Za-z0-9_-]{40,}",
    "secret of a server": r"gp_sk_[A-Za-z0-9_-]{48,}",
    "setting with a secret": r"GATEPASS_(?:[A-Z_]*SECRET|PEPPER)[\"']?\s*[=:]\s*[\"']?([A-Za-z0-9_-]{40,})",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=]{16}",
    "key of a cloud": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b",
    "token of a forge or a registry": r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-|xox[abp]-)[0-9A-Za-z_-]{20,}",
    "address of a registry": r"https?://[^\s\"'/]*(?:pypi|pythonhosted|npmjs|artifactory|nexus)[^\s\"'/]*/",
    "place on a machine": r"(?<![\w.])/(?:home/[a-z]+|Users/[A-Za-z]+|root/\w+|work/(?:main|shared))(?=/|\b)",
}
ALLOWED: dict[tuple[str, str], str] = {}
"""(file, first 12 digits of the SHA-256 of what stands there) → why it is none."""


def tracked() -> list[Path]:
    """All files that git knows. Skips where there is no git, or no repository: in an sdist."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("there is no repository here")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def findings(file: Path) -> Iterator[tuple[str, str]]:
    """What looks like a secret in a file: what it is, and itself."""
    text = file.read_bytes().decode("utf-8", "replace")
    for what, pattern in PATTERNS.items():
        for match in re.finditer(pattern, text):
            yield what, match[0]


def digest(text: str) -> str:
    """What the list below names it by."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_no_tracked_file_holds_a_secret() -> None:
    files = tracked()
    assert len(files) > 500
    found = {(str(file.relative_to(ROOT)), digest(text)): what for file in files for what, text in findings(file)}
    strangers = {place: what for place, what in found.items() if place not in ALLOWED}
    assert strangers == {}
    assert [place for place in ALLOWED if place not in found] == [], "take these off the list"


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("refresh token", "gp_rt_" + "Ab3_" * 32),
        ("token of a mailed link", "see #token=gp_vt_" + "x" * 90),
        ("token of a mailed link", "gp_pr_" + "x" * 90),
        ("token of a mailed link", "gp_fr_" + "x" * 90),
        ("secret of a server", "gp_sk_" + "Ab3_" * 12),
        ("setting with a secret", "GATEPASS_SECRET=" + "A" * 43),
        ("setting with a secret", '{"GATEPASS_PEPPER": "' + "A" * 43 + '"}'),
        ("private key", "-----BEGIN PRIVATE KEY" + "-----\nMC4CAQAwBQYDK2VwBCIE"),
        ("key of a cloud", "AKIA" + "ABCDEFGHIJKLMNOP"),
        ("token of a forge or a registry", "npm_" + "a" * 36),
        ("address of a registry", "https://pypi." + "example/simple/"),
        ("place on a machine", "see /home" + "/anna/gatepass"),
    ],
)
def test_the_scan_finds_what_it_looks_for(what: str, text: str, tmp_path: Path) -> None:
    """Guards the test above, which would pass too if a pattern were wrong."""
    file = tmp_path / "file.txt"
    file.write_text(text)
    assert [kind for kind, _ in findings(file)] == [what]
