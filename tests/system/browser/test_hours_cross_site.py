"""The page on one site, the API on another: no state cookie is in sight, and all that holds elsewhere holds here."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import httpx2
import pytest

from gatepass.wire.cookie_names import names_of
from tests.system.browser.conftest import ping, resume, sign_up, status
from tests.system.browser.engines.firefox import Firefox
from tests.system.browser.engines.interface import Engine, Page, Profile
from tests.system.browser.engines.variants import Variant, require
from tests.system.browser.long_running import skip
from tools.services.patience import until

pytestmark = [
    pytest.mark.one_scheme,
    pytest.mark.not_in("webkit", "cookies of an API on another site; that it says so is in test_every_browser.py"),
]

ROLL_BACK = """() => {
  const name = Object.keys(localStorage).find((name) => name.endsWith(":state"));
  const [sid, generation] = localStorage[name].split(".");
  localStorage[name] = `${sid}.${generation - 1}.AAAAAAAAAAA.0`;
}"""


@pytest.fixture(scope="module")
def usual_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Engine]]:
    """A Firefox as it comes, which keeps all cookies apart by site. That of other tests blocks those of other sites."""
    made: list[Firefox] = []

    def start() -> Engine:
        require("firefox")
        made.extend([] if made else [Firefox(tmp_path_factory.mktemp("usual"))])
        return made[0]

    yield start
    for firefox in made:
        firefox.close()


@pytest.fixture
def abroad(
    variant: Variant, engines: Callable[[str], Engine], usual_firefox: Callable[[], Engine]
) -> Iterator[Profile]:
    """A profile."""
    engine = usual_firefox() if variant.browser == "firefox" else engines(variant.browser)
    made = engine.new_profile()
    yield made
    made.close()


def open_page(site: str, profile: Profile) -> Page:
    """A tab, its session resumed."""
    page: Page = profile.new_page()
    page.goto(site)
    resume(page)
    return page


def refreshes(site: str) -> Callable[[], Sequence[int]]:
    """What gives the statuses of all refreshes from now on."""

    def all_of_them() -> list[int]:
        api = urlsplit(site.replace("app.", "api."))
        # Browsers alone take every name below localhost for this machine.
        answer = httpx2.get(f"https://127.0.0.1:{api.port}/refreshes", headers={"Host": api.netloc}, verify=False)
        found: list[int] = answer.json()
        return found

    before = len(all_of_them())
    return lambda: all_of_them()[before:]


def test_a_session_across_sites_lives_over_refreshes_and_reloads_without_a_readable_cookie(
    site: str, abroad: Profile
) -> None:
    seen = refreshes(site)
    page = open_page(site, abroad)
    assert status(page) == "anonymous"
    assert seen() == [], "a visitor causes no request"
    sign_up(page)
    assert page.evaluate("document.cookie") == ""
    cookies = {cookie["name"]: cookie for cookie in abroad.cookies()}
    assert set(cookies) == set(names_of(site.replace("app.", "api.")))
    assert all(cookie["sameSite"] == "None" and cookie["secure"] for cookie in cookies.values())
    skip(page)
    assert "jti" in ping(page)
    page.reload()
    resume(page)
    assert status(page) == "active"
    assert "jti" in ping(page)
    assert seen() == [409, 200, 200], "asked once after the sign-in whether its cookie came"


def test_tabs_across_sites_share_a_session_and_sign_out_together(site: str, abroad: Profile) -> None:
    """How often they refresh is up to the browser: a tab that gets the lock before the other tab's news presents the
    generation that it knows, is told of the newer one (409), and goes on with that."""
    one = open_page(site, abroad)
    sign_up(one)
    other = open_page(site, abroad)
    skip(one, other)
    seen = refreshes(site)
    for tab in (one, other):
        tab.evaluate("() => { stage.calls = Promise.all([1, 2, 3].map(() => stage.api.get('/api/ping'))); }")
    for tab in (one, other):
        assert tab.evaluate("stage.calls.then(all => all.every(r => r.status === 200))")
    assert 200 in seen()
    assert set(seen()) <= {200, 409}, "no tab is refused"
    one.evaluate("stage.session.signOut().then(() => null)")
    until(lambda: status(other) == "ended")
    until(lambda: abroad.cookies() == [])
    assert status(open_page(site, abroad)) == "anonymous"


def test_a_generation_remembered_wrongly_costs_one_more_call_and_not_the_session(site: str, abroad: Profile) -> None:
    """Storage is restored from a backup, the cookie is not: the server names the right one (PROTOCOL §5)."""
    page = open_page(site, abroad)
    sign_up(page)
    page.evaluate("stage.session.refresh().then(() => null)")
    page.evaluate(ROLL_BACK)
    seen = refreshes(site)
    page.reload()
    resume(page)
    assert status(page) == "active"
    assert seen() == [409, 200]
    assert "jti" in ping(page)
