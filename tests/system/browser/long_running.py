"""What the tests of the hard hours share: pages whose clock leaps, tabs put to sleep, a browser with its bfcache."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright
from playwright.sync_api import Page as ChromiumPage

from tests.system.browser.conftest import Stage, resume, sign_up, until_page, until_shared
from tests.system.browser.engines.interface import Page, Profile
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.patience import PATIENCE

REFRESH = "/auth/refresh"
PAGE = "/pages/hours.html"
NIGHT = 8 * 3_600_000


@pytest.fixture(scope="session")
def remembering(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium that keeps left pages for the way back, which Playwright's switches forbid otherwise."""
    browser = playwright.chromium.launch(
        executable_path=find_chromium(),
        args=ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"],
        timeout=PATIENCE * 1_000,
    )
    yield browser
    browser.close()


def visit(stage: Stage, profile: Profile) -> Any:
    """A tab on the page of the hard hours, its session resumed."""
    page = profile.new_page()
    page.goto(f"{stage.url}{PAGE}")
    resume(page)
    return page


def tabs_of(stage: Stage, profile: Profile, count: int) -> list[Any]:
    """So many tabs of one signed-in person; the first has signed up."""
    first = visit(stage, profile)
    sign_up(first)
    tabs = [first, *(visit(stage, profile) for _ in range(count - 1))]
    until_shared(*tabs)
    return tabs


def skip(*tabs: Page, ms: int = NIGHT) -> None:
    """Let so much time pass for these tabs: their passes run out."""
    for tab in tabs:
        tab.evaluate("(ms) => skip(ms)", ms)


@contextmanager
def asleep(*tabs: ChromiumPage) -> Iterator[None]:
    """No code of these tabs runs meanwhile; what they hold, they keep, locks too. Then the browser wakes them.

    By the debugger: `Page.setWebLifecycleState` freezes hidden pages only, and no page of a headless browser is hidden.
    """
    sessions = [tab.context.new_cdp_session(tab) for tab in tabs]
    for session in sessions:
        session.send("Debugger.enable")
        session.send("Debugger.pause")
    yield
    for session in sessions:
        session.send("Debugger.disable")
    for tab in tabs:
        tab.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')); }")


def start_calls(tabs: Sequence[Page], times: int = 1) -> None:
    """Guarded calls in all tabs at once; `outcomes` waits for them."""
    for tab in tabs:
        tab.evaluate(
            """(times) => { stage.came = null; Promise.all(Array.from({ length: times }, () =>
                stage.api.get('/api/ping').then(r => r.status, e => e.kind))).then(all => { stage.came = all; }); }""",
            times,
        )


def outcomes(tabs: Sequence[Page]) -> set[object]:
    """What those calls came to: statuses, or kinds of errors."""
    for tab in tabs:
        until_page(tab, "stage.came")
    return {outcome for tab in tabs for outcome in tab.evaluate("[...new Set(stage.came)]")}
