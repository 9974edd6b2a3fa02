"""In which browsers a test runs: `run.py test --browsers all`, or GATEPASS_BROWSERS=all for pytest alone.

    by default            Chromium over http; a test marked `every_browser` in all that are found, over https too
    --browsers all        each test in each browser, over http, and over https with HTTP/2 behind nginx
    --browsers firefox    the same in this one; also chromium, webkit, and several with commas

A test marked `chromium_only` needs what Playwright has for Chromium alone; its mark says what. `not_in` names a browser
and what it lacks. `firefox_only` is for what starts Firefoxes of its own, `elsewhere` for what other tests show of
Chromium at greater length: with `--browsers all`, or one that names them. What has servers of its own, and is no
other over https, is marked `one_scheme`.
"""

import functools
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


@functools.cache
def chosen() -> Sequence[str]:
    """The browsers that this run was asked for; none if for no particular ones. Read when the tests are collected."""
    given = os.environ.get("GATEPASS_BROWSERS", "")
    names = list(FINDERS) if given == "all" else [name for name in given.split(",") if name]
    unknown = set(names) - set(FINDERS)
    if unknown:
        raise pytest.UsageError(f"GATEPASS_BROWSERS: {', '.join(unknown)}; there are all, {', '.join(FINDERS)}")
    return names


ONLY_IN = {"chromium_only": ["chromium"], "firefox_only": ["firefox"], "elsewhere": ["firefox", "webkit"]}
"""Marks, and the browsers that a test with one of them is for."""


def left_out(test: pytest.Item) -> tuple[list[str], str]:
    """The browsers in which a test never runs, and why."""
    for name, browsers in ONLY_IN.items():
        if found := test.get_closest_marker(name):
            return [other for other in FINDERS if other not in browsers], str(found.args[0])
    if found := test.get_closest_marker("not_in"):
        return [found.args[0]], str(found.args[1])
    return [], ""


def variants_of(test: pytest.Item) -> list[Variant]:
    """Those in which a test runs."""
    absent, _ = left_out(test)
    possible = [name for name in FINDERS if name not in absent]
    if test.get_closest_marker("chromium_only") or test.get_closest_marker("firefox_only"):
        return [Variant(possible[0])]
    names = [name for name in possible if name in chosen()]
    if names:
        schemes = ["http"] if test.get_closest_marker("one_scheme") else ["http", "https"]
        return [Variant(name, scheme) for scheme in schemes for name in names]
    core = test.get_closest_marker("every_browser")
    if core is None:
        return [Variant(possible[0])]
    return [Variant(name, scheme) for scheme in core.kwargs.get("over", ["http"]) for name in possible]


def require(name: str) -> None:
    """Skip the test where a browser is missing, or fail if this run was asked for it."""
    if name == "chromium" or FINDERS[name]():
        return
    sentence = f"there is no {name} here: apt-get install {PACKAGES[name]}"
    if name in chosen():
        pytest.fail(sentence)
    pytest.skip(sentence)
