"""In which browsers a test runs: `run.py test --browsers all`, or GATEPASS_BROWSERS=all for pytest alone.

    by default            Chromium over http; a test marked `every_browser` in all that are found, over https too
    --browsers all        each test in each browser, over http, and over https with HTTP/2 behind nginx
    --browsers firefox    the same in this one; also chromium, webkit, and several with commas

A test marked `chromium_only` needs what Playwright has for Chromium alone; its mark says what. `firefox_only` is
for what starts Firefoxes of its own: with `--browsers firefox` or `all`.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.system.browser.engines.firefox import find_firefox
from tests.system.browser.engines.webkit import find_minibrowser
from tools.services.chromium import find_chromium

FINDERS = {"chromium": find_chromium, "firefox": find_firefox, "webkit": find_minibrowser}
PACKAGES = {
    "chromium": "chromium",
    "firefox": "firefox-esr",
    "webkit": "webkit2gtk-driver xvfb",
}
"""Debian's packages of each."""


class Variant(NamedTuple):
    """A browser and a scheme."""

    browser: str
    scheme: str = "http"

    def __str__(self) -> str:
        return self.browser if self.scheme == "http" else f"{self.browser}-{self.scheme}"


def chosen() -> Sequence[str]:
    """The browsers that this run was asked for; none if for no particular ones."""
    given = os.environ.get("GATEPASS_BROWSERS", "")
    names = list(FINDERS) if given == "all" else [name for name in given.split(",") if name]
    unknown = set(names) - set(FINDERS)
    if unknown:
        raise pytest.UsageError(f"GATEPASS_BROWSERS: {', '.join(unknown)}; there are all, {', '.join(FINDERS)}")
    return names


def variants_of(test: pytest.Item) -> list[Variant]:
    """Those in which a test runs."""
    if test.get_closest_marker("chromium_only"):
        return [Variant("chromium")]
    if test.get_closest_marker("firefox_only"):
        return [Variant("firefox")]
    names = chosen()
    if names:
        return [Variant(name, scheme) for scheme in ("http", "https") for name in names]
    core = test.get_closest_marker("every_browser")
    if core is None:
        return [Variant("chromium")]
    return [Variant(name, scheme) for scheme in core.kwargs.get("over", ["http"]) for name in FINDERS]


def require(name: str) -> None:
    """Skip the test where a browser is missing, or fail if this run was asked for it."""
    if name == "chromium" or FINDERS[name]():
        return
    sentence = f"there is no {name} here: apt-get install {PACKAGES[name]}"
    if name in chosen():
        pytest.fail(sentence)
    pytest.skip(sentence)
