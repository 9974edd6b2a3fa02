"""Where a Chromium is, and how tests start it. `run.py test` sees to it that there is one."""

import os
import shutil
from pathlib import Path

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""No traffic of the browser's own; no sandbox, since tests may run as root in a container."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The executable: CHROMIUM_PATH, or what is on the PATH; None for Playwright's own."""
    named = os.environ.get("CHROMIUM_PATH")
    if named and not Path(named).exists():
        raise FileNotFoundError(f"CHROMIUM_PATH: there is no {named}")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)
