#!/usr/bin/env python3
"""Runs httpx's own client tests with our Client and AsyncClient in the place of httpx's: what drop-in means.

    .venv/bin/python tools/httpx_suite.py PATH [--library httpx|httpx2] [--packages DIR] [-- pytest arguments]

PATH is a checkout of the repository encode/httpx, anywhere outside this tree; nothing of it is copied. Its tests need
packages that we do not: pip install --target DIR trustme trio h2 chardet==5.2.0. They take port 8000.

The tests run twice, first with httpx's own classes: what fails there fails for reasons of the machine or of a newer
library, and proves nothing about ours. What fails with ours alone is a difference: it must be in EXCEPTIONS with its
reason, and nothing else may be there. Exit code 1 otherwise.

This file is also the plugin (`-p`) that puts the classes in place, in the process that runs the tests.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLASSES = "HTTPX_SUITE_CLASSES"
LIBRARY = "HTTPX_SUITE_LIBRARY"

EXCEPTIONS: dict[str, str] = {}
"""Tests that fail with our classes and not with httpx's, and why they may."""


def put_in_place() -> None:
    """Make `import httpx` mean the library of this run, with the classes of this run."""
    if os.environ[LIBRARY] == "httpx2":
        import httpx2

        httpx2.alias_httpx()
    else:
        sys.modules["httpx2"] = None  # type: ignore[assignment]  # so that our client is built on httpx
    import httpx

    if os.environ[CLASSES] == "ours":
        from gatepass.client import AsyncClient, Client

        if not issubclass(Client, httpx.Client):
            raise SystemExit("Our classes do not extend those that the tests are for.")
        httpx.Client = Client  # type: ignore[assignment,misc]
        httpx.AsyncClient = AsyncClient  # type: ignore[assignment,misc]


def pytest_report_header() -> str:
    """What the tests run against."""
    import httpx

    return f"{httpx.__name__} {httpx.__version__}, Client of {httpx.Client.__module__}"


def run(checkout: Path, classes: str, *, library: str, packages: Path | None, arguments: list[str]) -> dict[str, str]:
    """Run the tests once; the outcome of each test by its name."""
    paths = [str(checkout), str(ROOT), str(ROOT / "src"), *([str(packages)] if packages else [])]
    environment = {**os.environ, CLASSES: classes, LIBRARY: library, "PYTHONPATH": os.pathsep.join(paths)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # only the plugins that httpx's own runs have
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "tests/client", "-p", "no:cacheprovider"]
        command += ["-p", "anyio.pytest_plugin", "-p", "tools.httpx_suite", f"--junitxml={report}", *arguments]
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"The tests did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        if arguments:
            print(done.stdout)
        if classes == "ours":
            print(next(line for line in done.stdout.splitlines() if "Client of gatepass.client" in line))
        return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    """`passed`, `failed`, `error` or `skipped` for each test of a JUnit report that we asked pytest for."""
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.client.')}::{case.get('name')}"
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[name] = kinds[0] if kinds else "passed"
    return found


def main() -> None:
    """Run both, compare, list."""
    parser = argparse.ArgumentParser(description="httpx's client tests with our classes.")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--library", choices=["httpx", "httpx2"], default="httpx", help="what our classes extend")
    parser.add_argument("--packages", type=Path, help="a folder with the packages that httpx's tests need")
    parser.add_argument("arguments", nargs="*", help="for pytest; shows its output")
    options = parser.parse_args()
    checkout = options.checkout.resolve()
    if not (checkout / "tests" / "client").is_dir():
        raise SystemExit(f"{checkout} is not a checkout of encode/httpx: there is no tests/client.")
    named = {"library": options.library, "packages": options.packages and options.packages.resolve()}
    bare = run(checkout, "bare", **named, arguments=options.arguments)
    ours = run(checkout, "ours", **named, arguments=options.arguments)
    raise SystemExit(compare(bare, ours))


def compare(bare: dict[str, str], ours: dict[str, str]) -> int:
    """Print the differences; 0 if all are known, and all that are known are there."""
    good = {name for name, outcome in bare.items() if outcome == "passed"}
    different = sorted(name for name in good if ours.get(name) != "passed")
    unknown = [name for name in different if name not in EXCEPTIONS]
    gone = [name for name in EXCEPTIONS if name in good and name not in different]
    passing = len(good) - len(different)
    print(f"{len(bare)} tests; with httpx's own classes {len(good)} pass, with ours {passing} of these.")
    uncounted = sorted(set(bare) - good)
    if uncounted:
        print(f"  not counted, since they do not pass with httpx's own classes here: {', '.join(uncounted)}")
    for name in different:
        print(f"  {'exception' if name in EXCEPTIONS else 'FAILS'}: {name}  {EXCEPTIONS.get(name, '')}")
    for name in gone:
        print(f"  listed as an exception, but passes: {name}")
    return 1 if unknown or gone else 0


if os.environ.get(CLASSES):
    put_in_place()

if __name__ == "__main__":
    main()
