"""Faults of one browser alone that people have reported of other session clients, tried on this one in each browser."""

import pytest

from tests.system.browser.conftest import (
    PASSWORD,
    Stage,
    expire,
    open_tab,
    ping,
    resume,
    sign_up,
    status,
    until_page,
    until_shared,
)
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.engines.variants import Variant
from tools.services.patience import until

REFRESH = "/auth/refresh"
SIGN_IN = """(who) => stage.session.signIn(who).then(() => "signed in", (error) => error.kind)"""
DEAD = """() => {
  const dead = () => { throw new DOMException("Connection to Indexed Database server lost", "UnknownError"); };
  IDBDatabase.prototype.transaction = dead;
  IDBFactory.prototype.open = dead;
}"""


def test_reloads_in_a_row_sign_nobody_out(stage: Stage, tab: Page) -> None:
    """fleetdm/fleet#12968: only Firefox and Safari; the request that a reload has cancelled counted as a refusal."""
    sign_up(tab)
    for _ in range(3):
        with stage.proxy.hold(REFRESH) as held:
            tab.evaluate("() => { setTimeout(() => location.reload(), 0); }")
            held.wait()
            tab.evaluate("() => { stage.left = true; setTimeout(() => location.reload(), 0); }")
            until_page(tab, "!window.stage?.left")
        resume(tab)
        assert "jti" in ping(tab)
        assert tab.evaluate("stage.ended") == []
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_page_that_is_left_while_it_refreshes_ends_nothing(stage: Stage, profile: Profile, tab: Page) -> None:
    """DuendeArchive/identity-model-oidc-client-js#61: Firefox rejects the requests of a page that is being left."""
    sign_up(tab)
    other = open_tab(stage, profile)
    until_shared(tab, other)
    expire(tab)
    with stage.proxy.hold(REFRESH) as held:
        tab.evaluate("() => { stage.api.get('/api/ping').catch(() => null); }")
        held.wait()
        tab.goto(f"{stage.url}/pages/elsewhere.html")
    tab.goto(stage.url)
    resume(tab)
    for page in (tab, other):
        assert "jti" in ping(page)
        assert page.evaluate("stage.ended") == []


def test_a_page_whose_cookies_the_browser_has_deleted_says_so_and_signs_in_again(stage: Stage, tab: Page) -> None:
    """Chorus-AIDLC/Chorus#400: iOS deletes the HttpOnly cookies of a hidden tab, and keeps what scripts have stored."""
    email = sign_up(tab)
    tab.context.clear_cookies()
    # A page of WebKit hears a little later that a cookie is gone.
    until(lambda: tab.evaluate("dispatchEvent(new Event('pageshow')), stage.session.getSnapshot().status") == "ended")
    assert tab.evaluate("stage.ended.map(end => end.reason)") == ["cookie-lost"]
    assert ping(tab).get("status") == 401, "as a visitor's"
    tab.evaluate("(who) => stage.session.signIn(who).then(() => null)", {"email": email, "password": PASSWORD})
    expire(tab)
    assert "jti" in ping(tab)


def test_a_page_that_has_lost_its_database_goes_on(stage: Stage, tab: Page) -> None:
    """firebase/firebase-js-sdk#4948, arthurlockman/gatool-ui#805: Safari closes IndexedDB until the next load."""
    sign_up(tab)
    tab.evaluate(DEAD)
    for _ in range(3):
        expire(tab)
        assert "jti" in ping(tab)
    tab.reload()
    resume(tab)
    assert "jti" in ping(tab)


@pytest.mark.one_scheme
def test_the_mark_of_a_sign_in_on_the_way_here_does_not_spring_back(
    site: str, profile: Profile, variant: Variant
) -> None:
    """smart-on-fhir/client-js#58: what Firefox had come to by a redirect came back into its address with a reload.

    The session that began on the API's own host has no cookie here. WebKitGTK without ITP sends one, and takes no newer
    one: that is noticed at the first refresh, before it looks like theft, and at the next sign-in."""
    page = profile.new_page()
    page.goto(site)
    resume(page)
    who = {"email": f"link.{variant}@example.com", "password": PASSWORD}
    page.evaluate("(who) => stage.session.signUp(who).catch(() => null)", who)
    page.evaluate("() => stage.session.signOut()")
    page.goto(f"{site.replace('app.', 'api.')}/link?to={who['email']}")
    for _ in range(2):
        resume(page)
        assert page.evaluate("location.search") == "?after=link"
        assert status(page) == "anonymous"
        assert page.evaluate("stage.ended") == []
        page.reload()
    resume(page)
    outcome = "signed in" if variant.browser == "chromium" else "cookies-blocked"
    assert page.evaluate(SIGN_IN, who) == outcome
