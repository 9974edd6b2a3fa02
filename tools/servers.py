"""nginx and PgBouncer for the tests of deployments, Firefox and WebKitGTK for those of browsers. For run.py.

Debian's packages, on a machine that lacks them; only root may. Where they cannot be had the tests that need
them say so, and are skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping

PACKAGES = (
    {"nginx": "nginx-light", "pgbouncer": "pgbouncer"},
    {"firefox": "firefox-esr"},
    {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"},
)
"""Programs and their packages. Each group is installed by itself: not all systems like Debian have all of them."""
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
