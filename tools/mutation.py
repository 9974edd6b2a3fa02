"""Breaks the core on purpose, a thousand small ways, and counts which of them the tests notice.

    python3 run.py mutate [NAME …]        such as gatepass.core.rotation*; without a name: all of gatepass.core

mutmut makes the mutants and runs the tests that reach each; the configuration is in pyproject.toml. It works on a copy,
so that the tree stays clean. Printed are the score, every survivor with what was changed, and why it may survive where
that is known: then no test could tell it from the program. Fails below 95 %.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("src", "tests", "contract", "tools", "benchmarks", "examples", "pyproject.toml", "README.md", "LICENSE")
GOAL = 0.95
EQUIVALENT = {
    r'"(ASCII|UTF-8|SHA256)"': "the names of codecs and digests are read in any case",
    r"(to|from)_bytes\(.*, \)": "big-endian is Python's default",
    r"salt=None|length=length, info=info\)": "no salt is what HKDF takes by itself",
    r"SECRET_BYTES / 2": "the half of an even number",
    r"sort_keys": "the members are written down in their order",
    r"(?i)an ES256 signature|raise ValueError\(None\)": "caught by the one function that calls it, whatever it says",
    r"% 5\)|\(\+len\(str\(text\)\)|XXXX\"$": "what is decoded wrongly is refused by the comparison that follows",
    r"strip\(None\)": "what is space to Python and not to JSON is refused by the JSON reader",
    r"or True else _NONE": "an empty set either way",
    r"is None and not text\.startswith|size - MAC_BYTES and": "the pattern lets nothing shorter through",
    r"b\"=\" \* \(-len\(text\) % 4\), (strict_mode=False)?\)": "the canonical text is compared afterwards",
}
"""What stands in a mutant's line, and why it is no fault."""


def main() -> int:
    """Copy, mutate, report; the exit code."""
    with tempfile.TemporaryDirectory(prefix="gatepass-mutants-") as name:
        place = Path(name)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, place / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copy(source, place / part)
        mutmut(place, "run", *sys.argv[1:])
        return report(place)


def mutmut(place: Path, *arguments: str, quiet: bool = False) -> str:
    """Run mutmut there; what it printed, if `quiet`."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE if quiet else None, text=True, check=not quiet)
    return done.stdout or ""


def report(place: Path) -> int:
    """Print the score and the survivors."""
    verdicts: dict[str, int] = {}
    for file in (place / "mutants").rglob("*.meta"):
        verdicts |= json.loads(file.read_text())["exit_code_by_key"]
    tried = {name: code for name, code in verdicts.items() if code is not None}
    survivors = [name for name, code in tried.items() if code in (0, 33)]
    unexplained = 0
    for name in sorted(survivors):
        changed = [
            line for line in mutmut(place, "show", name, quiet=True).splitlines() if re.match(r"[-+][^-+]", line)
        ]
        reason = next((why for mark, why in EQUIVALENT.items() if any(re.search(mark, line) for line in changed)), "")
        unexplained += not reason
        print(f"\n{name}: {reason or 'no test notices'}", *changed, sep="\n    ")
    killed = len(tried) - len(survivors)
    print(
        f"\n{killed} of {len(tried)} mutants killed: {killed / len(tried):.1%}. Of {len(survivors)} survivors "
        f"{len(survivors) - unexplained} are the same program in other letters, {unexplained} are not noticed."
    )
    return 0 if killed >= GOAL * len(tried) else 1


if __name__ == "__main__":
    raise SystemExit(main())
