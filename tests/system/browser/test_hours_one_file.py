"""A page without a build step: one import from the server, and all of it works under a strict policy."""

import json

from tests.system.browser.conftest import PASSWORD, Stage, until_page
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.long_running import REFRESH
from tools.services.patience import until

NOTE_FAULTS = """{
window.faults = [];
const note = ({ message, reason, violatedDirective }) => faults.push(`${message ?? reason ?? violatedDirective}`);
for (const type of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(type, note);
console.error = (...said) => faults.push(said.join(" "));
}"""
FILL = """(values) => {
  for (const [name, value] of Object.entries(values)) document.querySelector(`[name=${name}]`).value = value;
}"""
BAR = "document.querySelector('[role=progressbar]').checkVisibility()"


def says(page: Page, text: str) -> str:
    """Wait until the page tells `text`: all that it tells then."""
    until_page(page, f"document.querySelector('[role=status]')?.textContent.includes({json.dumps(text)})")
    return str(page.evaluate("document.querySelector('[role=status]').textContent"))


def test_a_page_without_a_build_step_signs_in_stays_in_over_a_refresh_and_signs_out(
    stage: Stage, profile: Profile
) -> None:
    stage.run_before(NOTE_FAULTS)
    page: Page = profile.new_page()
    page.goto(f"{stage.url}/pages/plain.html")
    says(page, "anonymous")
    page.evaluate(FILL, {"email": "ann@example.com", "password": PASSWORD})
    page.click("[value=up]")
    says(page, "active: ann@example.com")
    page.click("#call")
    first = says(page, "called with")
    faults = page.evaluate("faults")
    page.reload()
    says(page, "active: ann@example.com")
    page.click("#call")
    assert says(page, "called with") != first
    assert stage.proxy.count(REFRESH, status=200) == 1
    with stage.proxy.hold("/api/ping") as held:
        page.click("#call")
        held.wait()
        until_page(page, BAR)
    until_page(page, f"!{BAR}")
    stage.proxy.lose_requests("/api/ping")
    before = stage.proxy.count("/api/ping", status=200)
    page.click("#call")
    until(lambda: stage.proxy.count("/api/ping", status=200) > before)  # sent again
    says(page, "called with")
    page.click("#out")
    says(page, "ended")
    until(lambda: page.context.cookies() == [])
    page.evaluate(FILL, {"email": "ann@example.com", "password": PASSWORD})
    page.click("[value=in]")
    says(page, "active: ann@example.com")
    assert faults + page.evaluate("faults") == []
