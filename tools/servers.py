"""nginx and PgBouncer for the tests of deployments, more browsers for theirs. For run.py.

Debian's packages, on a machine that lacks them; only root may. Where they cannot be had the tests that need
them say so, and are skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

PACKAGES = (
    {"nginx": "nginx-light", "pgbouncer": "pgbouncer"},
    {"firefox": "firefox-esr"},
    {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"},
    *([{"chromium-headless-shell": "chromium-headless-shell"}] if Path("/usr/lib/chromium/chromium").exists() else []),
)
"""Programs and their packages. Each group is installed by itself: not all of the systems like Debian have all of them.
Where Chromium is Debian's, there is one without windows, which does the same work for half of the processor time."""
SYSTEM = "/usr/sbin"
"""Where Debian keeps some, which is not on every PATH."""


def bring(environment: Mapping[str, str]) -> None:
    """Install what is missing, if we may."""
    path = f"{environment['PATH']}{os.pathsep}{SYSTEM}"
    groups = [
        [package for program, package in group.items() if not shutil.which(program, path=path)] for group in PACKAGES
    ]
    apt = shutil.which("apt-get", path=path)
    if not any(groups) or apt is None or os.geteuid() != 0:
        return
    quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # installed, and not started
    subprocess.run((apt, "update", "-qq"), env=quiet, capture_output=True, check=False)
    for missing in filter(None, groups):
        install = (apt, "install", "-y", "-qq", "--no-install-recommends", *missing)
        subprocess.run(install, env=quiet, capture_output=True, check=False)
