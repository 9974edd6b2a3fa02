"""Sign-in at a provider on another site, in a real browser: which cookies go along on the way there and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.system.browser.conftest import Stages, expire, open_tab, ping, prepared, status, until_page
from tests.system.providers.conftest import start_mock, stop, until_up
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("requests that Playwright sees and stops")

GO = """(options) => void fetch("/auth/oidc/mock/start", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Gatepass-Client": "1" },
    body: JSON.stringify(options),
}).then((response) => response.json()).then(({ location }) => window.location.assign(location))"""

WITH_KEY = """(options) => void stage.session.enter("/oidc/mock/start", options)
    .catch(({ problem }) => window.location.assign(problem.location))"""
"""The client makes a key, keeps it and sends it along; the answer is an address, and no session as yet."""


class Here:
    """Where the page is."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider on 127.0.0.1: another site than localhost, to a browser."""
    port = free_port()
    process = start_mock(port)
    until_up(process, port, "oidc-provider-mock")
    yield f"http://127.0.0.1:{port}"
    stop(process)


@pytest.fixture
def here(stages: Stages, tmp_path: Path, issuer: str) -> Here:
    """A page whose gate has the provider."""
    port = free_port()
    stages.start(port, "--public-port", str(port), "--folder", tmp_path, "--issuer", issuer)
    return Here(f"http://localhost:{port}")


@pytest.fixture
def tab(here: Here, profile: BrowserContext) -> Page:
    """A tab in which nobody is signed in."""
    page: Page = open_tab(here, profile)  # type: ignore[arg-type]
    return page


def sign_in_at_the_provider(page: Page) -> None:
    """Choose a person there: the browser is sent back."""
    page.locator("button[value=mock-ann]").click()


def came_back(page: Page, here: Here, path: str) -> None:
    """Wait for the page, and until it knows its session."""
    page.wait_for_url(here.url + path)
    until_page(page, "window.stage")
    page.evaluate("stage.ready.then(() => null)")


def test_a_person_comes_back_signed_in_and_stays_so(here: Here, tab: Page, profile: BrowserContext) -> None:
    tab.evaluate(GO, {"return_to": "/?after=sign-in"})
    sign_in_at_the_provider(tab)
    came_back(tab, here, "/?after=sign-in")
    assert status(tab) == "active"
    assert "account" in ping(tab)
    cookies = {cookie["name"]: cookie for cookie in profile.cookies(here.url)}
    assert not any("oidc" in name for name in cookies), "the errand is over"
    (refresh,) = (cookie for name, cookie in cookies.items() if "state" not in name)
    assert (refresh["sameSite"], refresh["httpOnly"]) == ("Strict", True)
    other = open_tab(here, profile)  # type: ignore[arg-type]
    assert status(other) == "active"


def test_the_key_of_the_page_goes_along_and_its_first_refresh_proves_it(here: Here, tab: Page) -> None:
    tab.evaluate(WITH_KEY, {"return_to": "/"})
    with tab.expect_request("**/auth/refresh") as refresh:
        sign_in_at_the_provider(tab)
        came_back(tab, here, "/")
    assert "gatepass-proof" in refresh.value.headers
    assert "binding_secret" not in (refresh.value.post_data or ""), "the server knows the key"
    assert status(tab) == "active"
    expire(tab)
    assert "account" in ping(tab)


def test_two_tabs_at_once_both_come_back(here: Here, tab: Page, profile: BrowserContext) -> None:
    other = open_tab(here, profile)  # type: ignore[arg-type]
    for page, path in ((tab, "/?tab=1"), (other, "/?tab=2")):
        page.evaluate(GO, {"return_to": path})
    sign_in_at_the_provider(other)
    came_back(other, here, "/?tab=2")
    sign_in_at_the_provider(tab)
    came_back(tab, here, "/?tab=1")
    assert status(tab) == "active"


def test_the_answer_of_another_profile_signs_nobody_in(here: Here, tab: Page, chromium: Browser) -> None:
    """An attacker sends the way back of a sign-in of its own: nobody is signed in as the attacker."""
    tab.evaluate(GO, {"return_to": "/"})
    tab.route("**/callback?*", lambda route: route.abort())
    with tab.expect_request("**/callback?*") as back:
        sign_in_at_the_provider(tab)
    victim = prepared(chromium.new_context())
    page = victim.new_page()
    answer = page.goto(back.value.url)
    assert answer is not None
    assert answer.status == 400
    assert victim.cookies(here.url) == []
    victim.close()
