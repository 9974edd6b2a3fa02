"""A Chromium for the browser tests, also on a machine that has none. For run.py: standard library only.

What is there is taken first: CHROMIUM_PATH, the system's, Playwright's own. Then Debian's package, which only root
may install, then Playwright's download. Last the headless shell that npm carries as @sparticuz/chromium: it is built
for bare Linux machines, brings the libraries that those lack, needs no root, and no network but npm's. Version and
digest are pinned here, since no lock file of ours names it: hardly anyone needs its 65 MB.
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "@sparticuz/chromium@153.0.0"
DIGEST = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PLAYWRIGHT = ("Library/Caches/ms-playwright", ".cache/ms-playwright")
UNPACK = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))"
LAUNCHER = """#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="$here/lib:$LD_LIBRARY_PATH"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$here"
exec "$here/chromium" "$@"
"""
"""The libraries are the package's own; its fonts are for machines without any, where no text would be drawn."""


def find(folder: Path) -> str | None:
    """A Chromium that starts, unless there is none; `folder` is where `bring` put one earlier."""
    named = os.environ.get("CHROMIUM_PATH")
    return next(filter(_starts, [named] if named else _candidates(folder)), None)


def bring(folder: Path, environment: Mapping[str, str]) -> str | None:
    """Install one, on the system if we may and else in `folder`; None where neither is possible.

    `environment` is for the commands: its PATH must lead to npm and node.
    """
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive"}
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation")
        if _succeeds("apt-get", "update", "-qq", environment=quiet) and _succeeds(*install, environment=quiet):
            return find(folder)
    if _succeeds("playwright", "install", "chromium", environment=environment) and (found := find(folder)):
        return found
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if _succeeds("npm", "pack", "--silent", PACKAGE, environment=environment, folder=folder):
            _unpack(folder, environment)
            return find(folder)
    return None


def _candidates(folder: Path) -> Iterator[str]:
    """In the order of preference; not all of them exist, and not all that exist start."""
    yield from filter(None, map(shutil.which, NAMES))
    yield str(MAC)
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for cache in [Path(named)] if named else [Path.home() / path for path in PLAYWRIGHT]:
        for pattern in (
            "chromium-*/chrome-*/chrome",
            "chromium-*/chrome-*/*.app/Contents/MacOS/*",
            "chromium_*/*/*shell",
        ):
            yield from map(str, sorted(cache.glob(pattern), reverse=True))
    yield str(folder / "launch")


def _starts(path: str) -> bool:
    """Whether it is a program that says its version: Ubuntu's `chromium` may be a mere pointer to a missing snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _unpack(folder: Path, environment: Mapping[str, str]) -> None:
    """Check what npm fetched against the pinned digest, and lay it out in `folder`."""
    (packed,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if digest != DIGEST:
        raise ValueError(f"What npm fetched as {PACKAGE} is not what was pinned: do not run it.")
    _extract(packed, folder)
    for part in (folder / "package" / "bin").glob("*.br"):
        target = folder / part.stem
        with target.open("wb") as plain:
            node = shutil.which("node", path=environment["PATH"]) or "node"
            subprocess.run([node, "--eval", UNPACK, part], stdout=plain, check=True)
        if target.suffix == ".tar":
            _extract(target, folder)
            target.unlink()
    (folder / "chromium").chmod(0o755)
    (folder / "launch").write_text(LAUNCHER)
    (folder / "launch").chmod(0o755)
    shutil.rmtree(folder / "package")
    packed.unlink()


def _extract(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as members:
        # Not by an argument: Python 3.11.0 to 3.11.3 have no filters.
        members.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        members.extractall(folder)


def _succeeds(program: str, *arguments: str, environment: Mapping[str, str], folder: Path | None = None) -> bool:
    """Run a command without a word; False if it cannot be run, too."""
    path = shutil.which(program, path=environment["PATH"])
    if path is None:
        return False
    done = subprocess.run([path, *arguments], env=environment, cwd=folder, capture_output=True, check=False)
    return done.returncode == 0
