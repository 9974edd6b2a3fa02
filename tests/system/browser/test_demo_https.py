"""`gatepass demo --tls`: the same page over https, with the cookies of production."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.system.browser.conftest import prepared
from tests.system.browser.demo import press, running_demo, sign_in, told

pytestmark = pytest.mark.chromium_only("a clock that the test sets in a page of the demo")


def test_over_https_the_cookies_are_those_of_production(chromium: Browser, tmp_path: Path) -> None:
    with running_demo(tmp_path, "--tls") as port:
        page = prepared(chromium.new_context(ignore_https_errors=True)).new_page()
        page.goto(f"https://localhost:{port}")
        sign_in(page)
        cookies = page.context.cookies()
        assert cookies != []
        assert all(cookie["secure"] and cookie["name"].startswith(("__Host-", "__Secure-")) for cookie in cookies)
        press(page, "Expire my pass now")
        told(page, "1 call, 1 refresh")
        press(page, "A thief copies my card")
        expect(page.locator(".outcome [data-who=thief]").first).to_contain_text("turned away")
        page.context.close()
