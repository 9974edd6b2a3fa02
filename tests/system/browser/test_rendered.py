"""Pages that a server renders, in a browser: the first paint is signed in, through the resume page at most once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as ChromiumPage

from tests.system.browser.conftest import (
    Stage,
    Stages,
    open_tab,
    ping,
    prepared,
    resume,
    sign_up,
    staged,
    until_at,
    until_page,
)
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.engines.variants import Variant

QUARTER = 15 * 60 + 10
"""The life of a page cookie, and what clocks may differ by."""
RESUME, REFRESH = "/auth/resume", "/auth/refresh"


@pytest.fixture
def stage(tmp_path: Path, stages: Stages, variant: Variant) -> Iterator[Stage]:
    """A server whose gates have page cookies, with another gate under /one."""
    with staged(tmp_path, stages, variant, options=("--rendered", "--paths", "one")) as made:
        yield made


@pytest.fixture
def ann(stage: Stage, tab: Page) -> str:
    """The account of the person who is signed in in this tab."""
    sign_up(tab)
    account: str = ping(tab)["account"]
    return account


def page_cookies(profile: Profile) -> list[Any]:
    return [cookie for cookie in profile.cookies() if "gatepass_page" in str(cookie.get("name"))]


def shows(page: Page, account: str) -> None:
    """Wait until the page is one that was rendered for this account."""
    until_page(page, f"document.querySelector('h1')?.textContent === '{account}'")


def test_a_reload_with_a_cookie_that_ran_out_goes_through_the_resume_page_once(
    stage: Stage, tab: Page, ann: str
) -> None:
    tab.goto(f"{stage.url}/rendered?tab=a")
    shows(tab, ann)
    assert stage.proxy.count(RESUME) == 0
    stage.skip(QUARTER)
    tab.reload()
    until_at(tab, f"{stage.url}/rendered?tab=a")
    shows(tab, ann)
    assert (stage.proxy.count(RESUME), stage.proxy.count(REFRESH)) == (1, 1)
    tab.reload()
    shows(tab, ann)
    assert stage.proxy.count(RESUME) == 1
    (cookie,) = page_cookies(tab.context)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")


@pytest.mark.chromium_only("the console, and the way back")
def test_the_resume_page_runs_under_its_own_policy_and_is_no_step_of_the_history(
    stage: Stage, tab: ChromiumPage, ann: str
) -> None:
    tab.goto(f"{stage.url}/rendered?tab=a")
    stage.skip(QUARTER)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.reload()
    tab.wait_for_url(f"{stage.url}/rendered?tab=a")
    expect(tab.locator("h1")).to_have_text(ann)
    assert complaints == []
    tab.go_back()
    tab.wait_for_url(f"{stage.url}/")


def test_three_tabs_at_once_are_all_signed_in(stage: Stage, profile: Profile, ann: str) -> None:
    stage.skip(QUARTER)
    tabs = [profile.new_page() for _ in range(3)]
    for each in tabs:
        each.goto(f"{stage.url}/pages/elsewhere.html")
        each.evaluate("(url) => { setTimeout(() => { location.href = url; }, 0); }", f"{stage.url}/rendered")
    for each in tabs:
        until_at(each, f"{stage.url}/rendered")
        shows(each, ann)


def test_a_link_of_another_site_leads_to_the_page_too(stage: Stage, tab: Page, ann: str) -> None:
    stage.skip(QUARTER)
    tab.goto(f"{stage.url.replace('localhost', '127.0.0.1')}/pages/elsewhere.html")
    tab.evaluate("(url) => { document.querySelector('a').href = url; }", f"{stage.url}/rendered")
    tab.click("a")
    until_at(tab, f"{stage.url}/rendered")
    shows(tab, ann)


def test_the_answer_of_the_refresh_may_be_lost(stage: Stage, tab: Page, ann: str) -> None:
    stage.skip(QUARTER)
    stage.proxy.lose_answers(REFRESH)
    tab.goto(f"{stage.url}/rendered")
    until_at(tab, f"{stage.url}/rendered")
    shows(tab, ann)


@pytest.mark.chromium_only("cookies that are copied to another profile")
def test_signing_out_ends_what_is_rendered_at_once(
    stage: Stage, tab: ChromiumPage, profile: BrowserContext, chromium: Browser, ann: str
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
    stage: Stage, tab: Page, ann: str
) -> None:
    tab.goto(f"{stage.url}/rendered")
    stage.skip(8 * 24 * 3600)
    tab.reload()
    until_at(tab, f"{stage.url}/?next=%2Frendered&reason=expired")
    tab.goto(f"{stage.url}/rendered-or-not")
    shows(tab, "nobody")


@pytest.mark.chromium_only("cookies that are copied to another profile")
def test_a_browser_without_the_key_is_asked_to_sign_in_and_sees_pages_for_everybody(
    stage: Stage, profile: BrowserContext, chromium: Browser, tab: ChromiumPage, ann: str
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


@pytest.mark.chromium_only("a browser without scripts")
def test_without_scripts_the_resume_page_says_what_it_needs(
    stage: Stage, profile: BrowserContext, chromium: Browser, tab: ChromiumPage, ann: str
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
    until_at(tab, f"{stage.url}/?next=/one/pages/rendered")
    resume(tab)
    there = {"email": "ann@one.example", "password": "correct horse battery staple"}
    tab.evaluate("(who) => stage.at.one.signUp(who).then(() => null)", there)
    stage.skip(QUARTER)
    tab.goto(f"{stage.url}/one/pages/rendered")
    until_at(tab, f"{stage.url}/one/pages/rendered")
    assert tab.evaluate("document.querySelector('h1').textContent") != ann
    assert stage.proxy.count("/one/auth/resume") == 1
    tab.goto(f"{stage.url}/rendered")
    until_at(tab, f"{stage.url}/rendered")
    shows(tab, ann)
