"""nginx and PgBouncer for the tests of deployments, on a machine where nobody installed them. For run.py.

Debian's packages, which only root may install. Where they cannot be had the tests that need them say so, and are
skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping

PACKAGES = {"nginx": "nginx-light", "pgbouncer": "pgbouncer"}
SYSTEM = "/usr/sbin"
"""Where Debian keeps them, which is not on every PATH."""


def bring(environment: Mapping[str, str]) -> None:
    """Install what is missing, if we may."""
    path = f"{environment['PATH']}{os.pathsep}{SYSTEM}"
    missing = [package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None]
    apt = shutil.which("apt-get", path=path)
    if not missing or apt is None or os.geteuid() != 0:
        return
    quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # installed, and not started
    for command in ((apt, "update", "-qq"), (apt, "install", "-y", "-qq", "--no-install-recommends", *missing)):
        if subprocess.run(command, env=quiet, capture_output=True, check=False).returncode:
            return
