"""The page on one site, the API on another: no state cookie is in sight, and all that holds elsewhere holds here."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from gatepass.wire.cookie_names import names_of
from tests.system.browser.conftest import ping, prepared, sign_up, status, until_page
from tests.system.browser.long_running import skip
from tools.services.patience import until

pytestmark = pytest.mark.chromium_only("responses that Playwright sees")

ROLL_BACK = """() => {
  const name = Object.keys(localStorage).find((name) => name.endsWith(":state"));
  const [sid, generation] = localStorage[name].split(".");
  localStorage[name] = `${sid}.${generation - 1}.AAAAAAAAAAA.0`;
}"""


@pytest.fixture
def abroad(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile that takes our certificate."""
    context = prepared(chromium.new_context(ignore_https_errors=True))
    yield context
    context.close()


def open_page(site: str, profile: BrowserContext) -> Page:
    """A tab, its session resumed."""
    page = profile.new_page()
    page.goto(site)
    until_page(page, "window.stage")
    page.evaluate("stage.ready.then(() => null)")
    return page


def refreshes(profile: BrowserContext) -> list[int]:
    """The statuses of all refreshes from now on, preflights left out; the list grows."""
    seen: list[int] = []

    def note(url: str, code: int) -> None:
        if url.endswith("/auth/refresh"):
            seen.append(code)

    profile.on("response", lambda answer: note(answer.url, answer.status) if answer.request.method == "POST" else None)
    return seen


def test_a_session_across_sites_lives_over_refreshes_and_reloads_without_a_readable_cookie(
    site: str, abroad: BrowserContext
) -> None:
    seen = refreshes(abroad)
    page = open_page(site, abroad)
    assert status(page) == "anonymous"
    assert seen == [], "a visitor causes no request"
    sign_up(page)
    assert page.evaluate("document.cookie") == ""
    cookies = {cookie["name"]: cookie for cookie in abroad.cookies()}
    assert set(cookies) == set(names_of(site.replace("app.", "api.")))
    assert all(cookie["sameSite"] == "None" and cookie["secure"] for cookie in cookies.values())
    skip(page)
    assert "jti" in ping(page)
    page.reload()
    page.evaluate("stage.ready.then(() => null)")
    assert status(page) == "active"
    assert "jti" in ping(page)
    assert seen == [409, 200, 200], "asked once after the sign-in whether its cookie came"


def test_tabs_across_sites_share_a_session_and_sign_out_together(site: str, abroad: BrowserContext) -> None:
    """How often they refresh is up to the browser: a tab that gets the lock before the other tab's news presents the
    generation that it knows, is told of the newer one (409), and goes on with that."""
    one = open_page(site, abroad)
    sign_up(one)
    other = open_page(site, abroad)
    skip(one, other)
    seen = refreshes(abroad)
    for tab in (one, other):
        tab.evaluate("() => { stage.calls = Promise.all([1, 2, 3].map(() => stage.api.get('/api/ping'))); }")
    for tab in (one, other):
        assert tab.evaluate("stage.calls.then(all => all.every(r => r.status === 200))")
    assert 200 in seen
    assert set(seen) <= {200, 409}, "no tab is refused"
    one.evaluate("stage.session.signOut().then(() => null)")
    until(lambda: status(other) == "ended")
    until(lambda: abroad.cookies() == [])
    assert status(open_page(site, abroad)) == "anonymous"


def test_a_generation_remembered_wrongly_costs_one_more_call_and_not_the_session(
    site: str, abroad: BrowserContext
) -> None:
    """Storage is restored from a backup, the cookie is not: the server names the right one (PROTOCOL §5)."""
    page = open_page(site, abroad)
    sign_up(page)
    page.evaluate("stage.session.refresh().then(() => null)")
    page.evaluate(ROLL_BACK)
    seen = refreshes(abroad)
    page.reload()
    page.evaluate("stage.ready.then(() => null)")
    assert status(page) == "active"
    assert seen == [409, 200]
    assert "jti" in ping(page)
