"""Finds Chromium, and has the arguments with which tests start it. `run.py test` installs it if need be."""

import os
import shutil
from pathlib import Path

_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
)
"""What a window prepares and no test looks at: two pages for its address bar, and a process for the next page. With
these a profile with one page costs 1.6 s of processor time, without them 0.45."""
_OFF_BY_PLAYWRIGHT = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
"""Playwright's own list (chromiumSwitches.ts): the browser obeys the last one that it is given, which is ours."""
ARGUMENTS = [
    f"--disable-features={','.join((*_OFF, *_OFF_BY_PLAYWRIGHT))}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""The browser makes no requests of its own, and has no sandbox, since tests may run as root in a container."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The executable: CHROMIUM_PATH, or what is on the PATH; None for Playwright's own."""
    named = os.environ.get("CHROMIUM_PATH")
    if named and not Path(named).exists():
        raise FileNotFoundError(f"CHROMIUM_PATH: there is no {named}")
    return named or _of_the_system()


def find_shell() -> str | None:
    """Chromium without its windows, if Debian's package of it is there beside the whole one; otherwise the whole one.

    It costs half: a profile with a page 0.15 s of processor time in place of 0.3. What it lacks is the browser around
    the page: it keeps no page for the way back, opens no windows of its own, and binds no session to a device.
    """
    found = find_chromium()
    return (shutil.which("chromium-headless-shell") if found == _of_the_system() else None) or found


def _of_the_system() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)
