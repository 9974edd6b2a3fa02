"""Pages that a server renders, in a browser: the first paint is signed in, through the resume page at most once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gatepass.testing.faults import FaultProxy
from tests.system.browser.conftest import Stage, Stages, open_tab, ping, prepared, sign_up
from tools.services.ports import free_port

QUARTER = 15 * 60 + 10
"""The life of a page cookie, and what clocks may differ by."""
RESUME, REFRESH = "/auth/resume", "/auth/refresh"


@pytest.fixture
def stage(tmp_path: Path, stages: Stages) -> Iterator[Stage]:
    """A server whose gates have page cookies, with another gate under /one."""
    with FaultProxy(free_port()) as proxy:
        made = Stage(tmp_path, proxy, stages, options=("--rendered", "--paths", "one"))
        made.start()
        yield made
        made.kill()


@pytest.fixture
def ann(stage: Stage, tab: Page) -> str:
    """The account of the person who is signed in in this tab."""
    sign_up(tab)
    account: str = ping(tab)["account"]
    return account


def page_cookies(profile: BrowserContext) -> list[Any]:
    return [cookie for cookie in profile.cookies() if str(cookie.get("name")).startswith("gatepass_page_")]


def test_a_reload_with_a_cookie_that_ran_out_goes_through_the_resume_page_once(
    stage: Stage, tab: Page, profile: BrowserContext, ann: str
) -> None:
    tab.goto(f"{stage.url}/rendered?tab=a")
    expect(tab.locator("h1")).to_have_text(ann)
    assert stage.proxy.count(RESUME) == 0
    stage.skip(QUARTER)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.reload()
    tab.wait_for_url(f"{stage.url}/rendered?tab=a")
    expect(tab.locator("h1")).to_have_text(ann)
    assert (stage.proxy.count(RESUME), stage.proxy.count(REFRESH)) == (1, 1)
    assert complaints == [], "the page runs under its own policy"
    tab.reload()
    expect(tab.locator("h1")).to_have_text(ann)
    assert stage.proxy.count(RESUME) == 1
    tab.go_back()
    tab.wait_for_url(f"{stage.url}/")
    (cookie,) = page_cookies(profile)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")


def test_three_tabs_at_once_are_all_signed_in(stage: Stage, tab: Page, profile: BrowserContext, ann: str) -> None:
    stage.skip(QUARTER)
    tabs = [profile.new_page() for _ in range(3)]
    for each in tabs:
        each.evaluate("(url) => void (location.href = url)", f"{stage.url}/rendered")
    for each in tabs:
        each.wait_for_url(f"{stage.url}/rendered")
        expect(each.locator("h1")).to_have_text(ann)


def test_a_link_of_another_site_leads_to_the_page_too(stage: Stage, tab: Page, ann: str) -> None:
    stage.skip(QUARTER)
    tab.goto("about:blank")
    tab.set_content(f'<a href="{stage.url}/rendered">A mail</a>')
    tab.click("a")
    tab.wait_for_url(f"{stage.url}/rendered")
    expect(tab.locator("h1")).to_have_text(ann)


def test_the_answer_of_the_refresh_may_be_lost(stage: Stage, tab: Page, ann: str) -> None:
    stage.skip(QUARTER)
    stage.proxy.lose_answers(REFRESH)
    tab.goto(f"{stage.url}/rendered")
    tab.wait_for_url(f"{stage.url}/rendered")
    expect(tab.locator("h1")).to_have_text(ann)


def test_signing_out_ends_what_is_rendered_at_once(
    stage: Stage, tab: Page, profile: BrowserContext, chromium: Browser, ann: str
) -> None:
    thief = prepared(chromium.new_context())
    thief.add_cookies(page_cookies(profile))
    copied = thief.new_page()
    copied.goto(f"{stage.url}/rendered")
    expect(copied.locator("h1")).to_have_text(ann)
    other = open_tab(stage, profile)
    other.goto(f"{stage.url}/rendered")
    tab.evaluate("stage.session.signOut()")
    other.reload()
    other.wait_for_url(f"{stage.url}/?next=/rendered")
    copied.reload()
    copied.wait_for_url(f"{stage.url}/?next=/rendered")
    assert page_cookies(profile) == []
    thief.close()


def test_a_session_that_was_ended_elsewhere_leads_to_the_sign_in_with_its_reason(
    stage: Stage, tab: Page, profile: BrowserContext, chromium: Browser, ann: str
) -> None:
    tab.goto(f"{stage.url}/rendered")
    stage.skip(8 * 24 * 3600)
    tab.reload()
    tab.wait_for_url(f"{stage.url}/?next=%2Frendered&reason=expired")
    tab.goto(f"{stage.url}/rendered-or-not")
    expect(tab.locator("h1")).to_have_text("nobody")


def test_a_browser_without_the_key_is_asked_to_sign_in_and_sees_pages_for_everybody(
    stage: Stage, profile: BrowserContext, chromium: Browser, tab: Page, ann: str
) -> None:
    """Cookies that were copied as a whole, after the page cookie ran out."""
    stage.skip(QUARTER)
    thief = prepared(chromium.new_context())
    thief.add_cookies(profile.storage_state()["cookies"])  # type: ignore[arg-type]
    copied = thief.new_page()
    copied.goto(f"{stage.url}/rendered")
    copied.wait_for_url(f"{stage.url}/?next=%2Frendered&reason=unproven")
    copied.goto(f"{stage.url}/rendered-or-not")
    copied.wait_for_url(f"{stage.url}/rendered-or-not")
    expect(copied.locator("h1")).to_have_text("nobody")
    thief.close()
    tab.goto(f"{stage.url}/rendered")
    tab.wait_for_url(f"{stage.url}/rendered")
    expect(tab.locator("h1")).to_have_text(ann)


def test_without_scripts_the_resume_page_says_what_it_needs(
    stage: Stage, profile: BrowserContext, chromium: Browser, tab: Page, ann: str
) -> None:
    stage.skip(QUARTER)
    plain = chromium.new_context(java_script_enabled=False)
    plain.add_cookies(profile.storage_state()["cookies"])  # type: ignore[arg-type]
    page = plain.new_page()
    answer = page.goto(f"{stage.url}/rendered")
    assert answer is not None
    assert "needs JavaScript" in answer.text()
    assert page.url == f"{stage.url}/auth/resume?next=/rendered", "and goes nowhere by itself"
    plain.close()


def test_a_gate_under_a_path_of_the_same_host_has_pages_of_its_own(stage: Stage, tab: Page, ann: str) -> None:
    tab.goto(f"{stage.url}/one/pages/rendered")
    tab.wait_for_url(f"{stage.url}/?next=/one/pages/rendered")
    tab.evaluate("stage.ready.then(() => null)")
    there = {"email": "ann@one.example", "password": "correct horse battery staple"}
    tab.evaluate("(who) => stage.at.one.signUp(who).then(() => null)", there)
    stage.skip(QUARTER)
    tab.goto(f"{stage.url}/one/pages/rendered")
    tab.wait_for_url(f"{stage.url}/one/pages/rendered")
    expect(tab.locator("h1")).not_to_have_text(ann)
    assert stage.proxy.count("/one/auth/resume") == 1
    tab.goto(f"{stage.url}/rendered")
    tab.wait_for_url(f"{stage.url}/rendered")
    expect(tab.locator("h1")).to_have_text(ann)
