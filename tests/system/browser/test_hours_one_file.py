"""A page without a build step: one import from the server, and all of it works under a strict policy."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.system.browser.conftest import PASSWORD, Stage
from tests.system.browser.long_running import REFRESH
from tools.services.patience import until

pytestmark = pytest.mark.chromium_only("Playwright's locators and console")


def says(page: Page, text: str) -> None:
    """Wait until the page tells `text`."""
    expect(page.get_by_role("status")).to_contain_text(text)


def test_a_page_without_a_build_step_signs_in_stays_in_over_a_refresh_and_signs_out(
    stage: Stage, profile: BrowserContext
) -> None:
    page = profile.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{stage.url}/pages/plain.html")
    says(page, "anonymous")
    page.get_by_label("E-mail").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    says(page, "active: ann@example.com")
    page.get_by_role("button", name="Call", exact=True).click()
    says(page, "called with")
    first = page.get_by_role("status").inner_text()
    page.reload()
    says(page, "active: ann@example.com")
    page.get_by_role("button", name="Call", exact=True).click()
    says(page, "called with")
    assert page.get_by_role("status").inner_text() != first
    assert stage.proxy.count(REFRESH, status=200) == 1
    with stage.proxy.hold("/api/ping") as held:
        page.get_by_role("button", name="Call", exact=True).click()
        held.wait()
        expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    stage.proxy.lose_requests("/api/ping")
    before = stage.proxy.count("/api/ping", status=200)
    page.get_by_role("button", name="Call", exact=True).click()
    until(lambda: stage.proxy.count("/api/ping", status=200) > before)  # sent again
    says(page, "called with")
    page.get_by_role("button", name="Sign out").click()
    says(page, "ended")
    until(lambda: page.context.cookies() == [])
    page.get_by_label("E-mail").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    says(page, "active: ann@example.com")
    assert [fault for fault in faults if "net::ERR" not in fault] == []
