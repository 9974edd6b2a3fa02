"""What is installed is what was locked: every package pinned and hashed, no lock file naming where it comes from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NODE_EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/package-lock.json"))
NODE_LOCKS = ["web/package-lock.json", *(f"examples/{name}/package-lock.json" for name in NODE_EXAMPLES)]
LOCKS = sorted(path.name for path in (ROOT / "requirements").iterdir())
PINNED = re.compile(
    r"([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,._-]+\])?==[^\s;]+(?: ; [^\\]+)?((?: --hash=sha256:[0-9a-f]{64})+)"
)


def requirements(name: str) -> list[str]:
    """The entries of a lock file, each joined to one line."""
    text = (ROOT / "requirements" / name).read_text()
    return [line for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_every_python_package_is_pinned_with_hashes(name: str) -> None:
    lines = requirements(name)
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("name", NODE_LOCKS)
def test_every_web_package_is_pinned_with_a_hash(name: str) -> None:
    packages = json.loads((ROOT / name).read_text())["packages"]
    bought = {
        path: facts
        for path, facts in packages.items()
        if "node_modules/" in path and not facts.get("link") and not facts.get("resolved", "").startswith("file:../")
    }
    assert len(bought) > 25
    without = [
        path
        for path, facts in bought.items()
        if not (facts.get("inBundle") or str(facts.get("integrity", "")).startswith("sha512-"))
    ]
    assert without == []


@pytest.mark.parametrize("name", [*(f"requirements/{name}" for name in LOCKS), *NODE_LOCKS, "web/.npmrc"])
def test_no_lock_file_says_where_packages_come_from(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = (
        r"--(extra-)?index-url|--find-links|--trusted-host|^\s*registry\s*=|\"resolved\":\s*\"\w+://|git\+|@ https?:"
    )
    assert re.findall(entries, text, re.MULTILINE) == []
