"""The way back to a page that the browser has kept: it ends no session, and shows no person who has signed out."""

from collections.abc import Callable, Iterator

import pytest

from tests.system.browser.conftest import Stage, ping, resume, sign_up, status, until_at, until_page
from tests.system.browser.engines.chromium import Chromium
from tests.system.browser.engines.interface import Engine, Page, Profile
from tests.system.browser.engines.variants import Variant
from tests.system.browser.long_running import REFRESH, outcomes, remembering, skip, start_calls, tabs_of, visit
from tools.services.patience import until

__all__ = ["remembering"]
ELSEWHERE = "/pages/elsewhere.html"
IS_SHOWN = "document.querySelector('[role=progressbar]').checkVisibility()"


@pytest.fixture
def profile(request: pytest.FixtureRequest, variant: Variant, engines: Callable[[str], Engine]) -> Iterator[Profile]:
    """A profile in which pages are kept when they are left."""
    engine = engines(variant.browser)
    if variant.browser == "chromium":
        engine = Chromium(request.getfixturevalue("remembering"))
    made = engine.new_profile()
    yield made
    made.close()


def leave(page: Page, stage: Stage) -> None:
    """By a link, as people do."""
    page.click("a")
    until_at(page, f"{stage.url}{ELSEWHERE}")


def come_back(page: Page) -> bool:
    """As with the browser's button; whether the very page of before was restored."""
    page.evaluate("() => { setTimeout(() => history.back(), 0); }")
    resume(page)
    return bool(page.evaluate("stage.restored.length > 0"))


def test_a_page_that_comes_back_after_its_pass_ran_out_goes_on_with_one_refresh(stage: Stage, profile: Profile) -> None:
    page = visit(stage, profile)
    sign_up(page)
    leave(page, stage)
    assert come_back(page), "this must be the page that was left, or the test shows nothing"
    skip(page)
    start_calls([page], times=5)
    assert outcomes([page]) == {200}
    assert stage.proxy.count(REFRESH) == 1


def test_a_page_that_comes_back_after_a_sign_out_shows_nobody_and_asks_nothing_in_that_name(
    stage: Stage, profile: Profile
) -> None:
    """The back button on a shared computer. A message to a kept page evicts it, so the sign-out is one without."""
    page = visit(stage, profile)
    sign_up(page)
    leave(page, stage)
    page.evaluate("fetch('/auth/logout', { method: 'POST', headers: { 'Gatepass-Client': '1' } }).then(() => null)")
    assert page.context.cookies() == []
    assert come_back(page)
    until(lambda: status(page) in ("anonymous", "ended"))
    assert page.evaluate("stage.session.getSnapshot().account") is None
    assert ping(page).get("status") == 401


def test_a_page_that_comes_back_after_a_sign_out_in_a_sibling_shows_nobody(stage: Stage, profile: Profile) -> None:
    page, sibling = tabs_of(stage, profile, 2)
    leave(page, stage)
    sibling.evaluate("stage.session.signOut().then(() => null)")
    come_back(page)
    until(lambda: status(page) in ("anonymous", "ended"))
    assert page.evaluate("stage.session.getSnapshot().account") is None


def test_a_page_left_in_the_middle_of_a_refresh_comes_back_signed_in(stage: Stage, profile: Profile) -> None:
    page = visit(stage, profile)
    sign_up(page)
    skip(page)
    with stage.proxy.hold(REFRESH) as held:
        start_calls([page])
        held.wait()
        leave(page, stage)
    come_back(page)
    until(lambda: "jti" in ping(page))
    assert stage.proxy.count(REFRESH, status=401) == 0


@pytest.mark.not_in("firefox", "pages that are kept while a request of theirs is under way")
def test_a_progress_bar_that_was_shown_when_the_page_was_left_is_gone_when_it_comes_back(
    stage: Stage, profile: Profile
) -> None:
    page = visit(stage, profile)
    sign_up(page)
    until(lambda: not page.evaluate("stage.loading.getSnapshot().isVisible"))
    with stage.proxy.hold("/api/ping") as held:
        start_calls([page])
        held.wait()
        until_page(page, "stage.loading.getSnapshot().isVisible")
        until_page(page, IS_SHOWN)
        leave(page, stage)
        assert come_back(page), "this must be the page that was left, or the test shows nothing"
        assert page.evaluate("stage.loading.getSnapshot()") == {"count": 0, "isVisible": False}
        until_page(page, f"!{IS_SHOWN}")
    assert "jti" in ping(page)
    until(lambda: not page.evaluate("stage.loading.getSnapshot().isVisible"))
