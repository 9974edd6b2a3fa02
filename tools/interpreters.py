"""Finds another Python than the one that runs run.py: `run.py test --python 3.13`, or 3.14t for a free-threaded one.

Looked through are this interpreter, the PATH, and the folders where pyenv and uv keep what they installed. Only then
Debian's packages, which only root may install. PyPI and npm carry no CPython of their own; what pyenv and uv build or
download comes from elsewhere, so that is left to the person.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.steps import Failure, say

ASK = """
import sys, sysconfig
print("%d.%d.%d" % sys.version_info[:3] + "t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""
VERSION = re.compile(r"3\.\d+(\.\d+)?t?")


def provide(wanted: str) -> str:
    """The path of an interpreter of a version such as 3.13, 3.13.1 or 3.14t. Raises Failure with how to get one."""
    if not VERSION.fullmatch(wanted):
        raise Failure(f"--python takes a version such as 3.13, 3.13.1 or 3.14t, not {wanted!r}.")
    found = find(wanted) or (find(wanted) if _install(wanted) else None)
    if found is None:
        raise Failure(
            f"There is no Python {wanted} on this machine, and no package of it here. Bring one and try again:\n"
            f"    uv python install {wanted}      (then also found without being on the PATH)\n"
            f"    pyenv install {wanted}"
        )
    return found


def find(wanted: str) -> str | None:
    """The first interpreter of that version; of several patch releases in one folder the newest."""
    return next((path for path in _candidates(wanted) if _fits(version_of(path), wanted)), None)


def version_of(path: str) -> str:
    """Such as 3.13.0, or 3.14.0t; empty for what is no Python that starts (a shim of pyenv may be none)."""
    try:
        done = subprocess.run([path, "-c", ASK], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _fits(version: str, wanted: str) -> bool:
    plain, free = version.rstrip("t"), version.endswith("t")
    asked = wanted.rstrip("t")
    return free == wanted.endswith("t") and (plain == asked or plain.startswith(f"{asked}."))


def _candidates(wanted: str) -> Iterator[str]:
    """In the order of preference; not all of them start."""
    yield sys.executable
    yield from filter(None, (shutil.which(f"python{wanted}"), shutil.which("python3")))
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    for folder, pattern in ((pyenv, f"{wanted.rstrip('t')}*"), (uv, f"cpython-{wanted.rstrip('t')}*")):
        for place in sorted(folder.glob(pattern), key=_numbers, reverse=True):
            yield str(place / "bin" / "python3")


def _numbers(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.name)]


def _install(wanted: str) -> bool:
    """Try Debian's package; False where there is none, or where we are not root."""
    apt = shutil.which("apt-get")
    if apt is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    name = f"python{wanted}"
    if subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode:
        return False
    say(f"installing {name}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", name, f"{name}-venv"]
    return subprocess.run(command, env=quiet, capture_output=True, check=False).returncode == 0
