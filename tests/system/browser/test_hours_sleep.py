"""Tabs that sleep: a closed laptop, a frozen tab, a page kept for the way back. It signs nobody out, and nobody in."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.system.browser.conftest import PASSWORD, Stage, ping, prepared, resume, sign_up, status, until_page
from tests.system.browser.long_running import (
    REFRESH,
    asleep,
    outcomes,
    remembering,
    skip,
    start_calls,
    tabs_of,
    visit,
)
from tools.services.patience import until

pytestmark = pytest.mark.chromium_only("pages that the debugger puts to sleep")

__all__ = ["remembering"]
ELSEWHERE = "/pages/elsewhere.html"
WAITING = "navigator.locks.query().then(({ pending }) => pending.length)"
OTHER = {"email": "bob@example.com", "password": PASSWORD}


@pytest.fixture
def lasting(remembering: Browser) -> Iterator[BrowserContext]:
    """A profile in which pages are kept when they are left."""
    context = prepared(remembering.new_context())
    yield context
    context.close()


def test_a_laptop_that_wakes_with_six_tabs_and_a_thousand_calls_refreshes_once_and_loses_none(
    stage: Stage, profile: BrowserContext
) -> None:
    tabs = tabs_of(stage, profile, 6)
    before = stage.proxy.count(REFRESH)
    skip(*tabs)
    with asleep(*tabs):
        pass
    start_calls(tabs, times=167)
    assert outcomes(tabs) == {200}
    assert stage.proxy.count(REFRESH) - before == 1
    assert stage.proxy.count("/api/ping", status=401) == 0


def test_a_tab_frozen_while_it_holds_the_lock_delays_the_others_by_their_patience_and_no_longer(
    stage: Stage, profile: BrowserContext
) -> None:
    frozen, living = tabs_of(stage, profile, 2)
    before = stage.proxy.count(REFRESH)
    skip(frozen, living)
    with ExitStack() as sleep:
        with stage.proxy.hold(REFRESH) as held:
            start_calls([frozen])
            held.wait()
            sleep.enter_context(asleep(frozen))
        until(lambda: stage.proxy.count(REFRESH) == before + 1, "the answer that the frozen tab does not hear")
        start_calls([living])
        until(lambda: living.evaluate(WAITING) == 1, "the wait for the lock")
        assert stage.proxy.count(REFRESH) == before + 1
        # Ten seconds for the frozen tab's call, and five more: so long a tab waits for its turn.
        living.evaluate("runOut(15_000)")
        until(lambda: living.evaluate("runOut(100), stage.came"), "the token that the frozen tab shares with nobody")
        assert outcomes([living]) == {200}
        assert stage.proxy.count(REFRESH) == before + 2
    until(lambda: "jti" in ping(frozen))
    assert (status(frozen), status(living)) == ("active", "active")
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_frozen_tab_wakes_as_nobody_or_as_the_person_who_signed_in_meanwhile(
    stage: Stage, profile: BrowserContext
) -> None:
    frozen, other = tabs_of(stage, profile, 2)
    with asleep(frozen):
        other.evaluate("stage.session.signOut().then(() => null)")
        other.evaluate("(who) => stage.session.signUp(who).then(() => null)", OTHER)
        bob = ping(other)["account"]
    assert ping(frozen).get("account") in (bob, None), "no call of Ann's page may be made in her name again"
    until(lambda: frozen.evaluate("stage.session.getSnapshot().account?.email") in (OTHER["email"], None))
    assert frozen.evaluate("stage.ended.map(end => end.reason)") == ["signed-out"]


def leave(page: Page, stage: Stage) -> None:
    """By a link, as people do."""
    page.get_by_role("link", name="Elsewhere").click()
    page.wait_for_url(f"{stage.url}{ELSEWHERE}")


def come_back(page: Page) -> bool:
    """With the browser's button; whether the very page of before was restored."""
    page.go_back(wait_until="commit")
    resume(page)
    return bool(page.evaluate("stage.restored.length > 0"))


def test_a_page_that_comes_back_after_its_pass_ran_out_goes_on_with_one_refresh(
    stage: Stage, lasting: BrowserContext
) -> None:
    page = visit(stage, lasting)
    sign_up(page)
    leave(page, stage)
    assert come_back(page), "this must be the page that was left, or the test shows nothing"
    skip(page)
    start_calls([page], times=5)
    assert outcomes([page]) == {200}
    assert stage.proxy.count(REFRESH) == 1


def test_a_page_that_comes_back_after_a_sign_out_shows_nobody_and_asks_nothing_in_that_name(
    stage: Stage, lasting: BrowserContext
) -> None:
    """The back button on a shared computer. A message to a kept page evicts it, so the sign-out is one without."""
    page = visit(stage, lasting)
    sign_up(page)
    leave(page, stage)
    page.evaluate("fetch('/auth/logout', { method: 'POST', headers: { 'Gatepass-Client': '1' } }).then(() => null)")
    assert lasting.cookies() == []
    assert come_back(page)
    until(lambda: status(page) in ("anonymous", "ended"))
    assert page.evaluate("stage.session.getSnapshot().account") is None
    assert ping(page).get("status") == 401


def test_a_page_that_comes_back_after_a_sign_out_in_a_sibling_shows_nobody(
    stage: Stage, lasting: BrowserContext
) -> None:
    page, sibling = tabs_of(stage, lasting, 2)
    leave(page, stage)
    sibling.evaluate("stage.session.signOut().then(() => null)")
    come_back(page)
    until(lambda: status(page) in ("anonymous", "ended"))
    assert page.evaluate("stage.session.getSnapshot().account") is None


def test_a_page_left_in_the_middle_of_a_refresh_comes_back_signed_in(stage: Stage, lasting: BrowserContext) -> None:
    page = visit(stage, lasting)
    sign_up(page)
    skip(page)
    with stage.proxy.hold(REFRESH) as held:
        start_calls([page])
        held.wait()
        leave(page, stage)
    come_back(page)
    until(lambda: "jti" in ping(page))
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_progress_bar_that_was_shown_when_the_page_was_left_is_gone_when_it_comes_back(
    stage: Stage, lasting: BrowserContext
) -> None:
    page = visit(stage, lasting)
    sign_up(page)
    until(lambda: not page.evaluate("stage.loading.getSnapshot().isVisible"))
    with stage.proxy.hold("/api/ping") as held:
        start_calls([page])
        held.wait()
        until_page(page, "stage.loading.getSnapshot().isVisible")
        expect(page.get_by_role("progressbar")).to_be_visible()
        leave(page, stage)
        assert come_back(page), "this must be the page that was left, or the test shows nothing"
        assert page.evaluate("stage.loading.getSnapshot()") == {"count": 0, "isVisible": False}
        expect(page.get_by_role("progressbar")).to_be_hidden()
    assert "jti" in ping(page)
    until(lambda: not page.evaluate("stage.loading.getSnapshot().isVisible"))
