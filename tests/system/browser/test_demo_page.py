"""Every button of the demo does what it says, in a real browser before the real server."""

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.system.browser.demo import Visit, demo, generation, press, ripen, sign_in, stand_still, told, visit

pytestmark = pytest.mark.chromium_only("requests and errors that Playwright sees, keys, and a clock that the test sets")

__all__ = ["demo", "visit"]


def refreshes(page: Page) -> list[Request]:
    """Collects the refresh requests that a page sends from now on."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if request.url.endswith("/auth/refresh") else None)
    return seen


def test_an_expired_pass_costs_one_refresh_and_no_thought(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    sent = refreshes(page)
    press(page, "Expire my pass now")
    told(page, "1 call, 1 refresh. The server refused the old pass.")
    assert len(sent) == 1
    assert generation(page) == 1
    expect(page.get_by_text("Lose an answer, and stay signed in")).to_be_visible()


def test_fifty_calls_share_one_refresh(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    sent = refreshes(page)
    press(page, "50 calls at once")
    told(page, "50 calls, 1 refresh")
    assert len(sent) == 1
    expect(page.locator(".lane[data-kind=bundle] .lane-result")).to_have_text("50 × 200")
    expect(page.locator(".lane[data-kind=refresh] .lane-result").first).to_have_text("0 → 1")


def test_a_lost_answer_is_asked_for_again_and_ends_nothing(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    sent = refreshes(page)
    press(page, "Lose the next refresh answer")
    told(page, "The answer was lost, the session was not")
    proofs = {request.headers["gatepass-proof"] for request in sent}
    assert (len(sent), len(proofs)) == (2, 1)
    assert generation(page) == 1
    expect(page.get_by_text("the same request again: same answer")).to_be_visible()


def test_offline_nothing_is_lost_and_back_online_work_goes_on(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    switch = page.get_by_role("switch", name="Go offline")
    switch.click()
    told(page, "No answer from the server")
    page.get_by_label("New note").fill("kept")
    press(page, "Add note")
    expect(page.get_by_role("alert")).to_contain_text("nothing was changed")
    expect(page.get_by_label("New note")).to_have_value("kept")
    switch.click()
    told(page, "let through")
    press(page, "Add note")
    expect(page.get_by_role("button", name="Delete note: kept")).to_be_visible()


def test_offline_the_page_says_so_and_a_press_is_answered(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    page.get_by_role("switch", name="Go offline").click()
    expect(page.locator(".state")).to_contain_text("offline")
    expect(page.locator(".state")).to_have_attribute("data-status", "offline")
    press(page, "Expire my pass now")
    told(page, "This tab is offline. Nothing was sent")
    page.get_by_label("New note").fill("kept")
    press(page, "Add note")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("switch", name="Go offline").click()
    expect(page.locator(".state")).to_have_text("Signed in")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_pressed_meanwhile_is_told_and_waits_its_turn(visit: Visit) -> None:
    page = visit()
    press(page, "Use the demo account")
    page.get_by_role("button", name="Revoke").first.wait_for()
    stand_still(page)
    press(page, "Expire my pass now")  # so young a pass is waited for
    told(page, "One moment")
    page.get_by_role("button", name="Get a 404").click()
    told(page, "One thing at a time. “404” follows as soon as this is done.")
    expect(page.get_by_role("button", name="Get a 404")).to_have_attribute("data-queued", "true")
    ripen(page)
    told(page, "404, passed on untouched")
    expect(page.get_by_text("1 call, 1 refresh")).to_have_count(1)


def test_of_ones_own_sign_out_the_server_gives_no_reason(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(page.get_by_text("Reason given by the server")).to_have_count(0)


def test_offline_nobody_is_locked_out_by_signing_out(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    page.get_by_role("switch", name="Go offline").click()
    told(page, "No answer from the server")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.get_by_role("switch", name="Go offline").click()
    sign_in(page)


def test_errors_of_the_application_pass_through_without_a_refresh(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    sent = refreshes(page)
    for status in (404, 429, 500, 503):
        press(page, f"Get a {status}")
        told(page, f"{status}, passed on untouched")
    assert sent == []
    expect(page.get_by_role("heading", name="Your notes")).to_be_visible()


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.full)])
def test_a_thief_gets_nothing_here_and_more_elsewhere(visit: Visit, width: int) -> None:
    page = visit(width=width)
    sign_in(page)
    away, within = "turned away", "let in"
    for site, told_first, verdicts in (
        ("This site, with Gatepass", "The thief got nothing", [away, within, away]),
        ("A careful site without such a key", "Both are out", [within, away, away]),
        ("Most sites", "The thief is in, and you are out", [within, away, within]),
    ):
        page.get_by_label(site).check()
        press(page, "A thief copies my card")
        told(page, told_first)
        assert page.locator(".verdict").all_inner_texts() == verdicts
        assert page.locator(".outcome p").inner_text().count(".") == 4, "four sentences"
    expect(page.get_by_role("heading", name="Your notes")).to_be_visible()
    expect(page.locator("[data-alarm=true]").filter(has_text="A copy of a card came without its key")).to_have_count(2)


def test_a_second_tab_is_signed_in_shares_the_pass_and_ends_with_the_first(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    with page.context.expect_page() as opened:
        press(page, "Open a second tab")
    second = opened.value
    expect(second.get_by_role("heading", name="Your notes")).to_be_visible()
    stand_still(second)
    ripen(page)  # it has taken the pass that the second tab fetched
    asked = refreshes(second)
    press(page, "Expire my pass now")
    expect(second.get_by_text("Another tab renewed the pass")).to_be_visible()
    assert asked == []
    press(page, "Sign out")
    expect(second.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_signing_out_everywhere_reaches_other_devices(visit: Visit) -> None:
    here, there = visit(), visit()
    sign_in(here)
    sign_in(there)
    press(here, "Sign out everywhere")
    expect(here.get_by_role("heading", name="You are signed out")).to_be_visible()
    evidence = here.locator(".evidence")
    expect(evidence).to_contain_text(re.compile(r"\d+ devices are signed out"))
    expect(evidence).to_contain_text(re.compile(r"was good for another \d+ seconds?.* the guard answered 401"))
    press(there, "Expire my pass now")
    expect(there.get_by_role("heading", name="This session was ended")).to_be_visible()


def test_a_device_can_be_revoked_from_another_one(visit: Visit) -> None:
    here, there = visit(), visit()
    sign_in(there)
    mark = there.locator("li", has_text="This device").locator(".code").inner_text()
    sign_in(here)
    row = here.get_by_role("region", name="Your devices").locator("li", has_text=mark)
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    press(there, "Expire my pass now")
    expect(there.get_by_role("heading", name="This session was ended")).to_be_visible()


def test_notes_can_be_added_and_deleted(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    page.get_by_label("New note").fill("water the hedge")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete note: water the hedge").click()
    expect(page.get_by_text("water the hedge")).to_have_count(0)


def test_faults_of_a_sign_up_stand_at_their_fields(visit: Visit) -> None:
    page = visit()
    press(page, "Make an account")
    email, password = page.get_by_label("E-mail address"), page.get_by_label("Password", exact=True)
    email.fill("somebody@example.com")
    password.fill("short")
    press(page, "Make the account and sign in")
    expect(password).to_be_focused()
    assert password.get_attribute("aria-invalid") == "true"
    email.fill("demo@example.com")
    password.fill("five ordinary garden words")
    press(page, "Make the account and sign in")
    expect(email).to_be_focused()
    expect(page.get_by_text("There is an account with this address.")).to_be_visible()


def test_a_wrong_password_is_told_without_saying_what_was_wrong(visit: Visit) -> None:
    page = visit()
    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_label("Password", exact=True).fill("not the right one")
    press(page, "Sign in")
    expect(page.get_by_role("alert")).to_have_text("E-mail address and password do not match an account.")


def test_a_visitor_by_keyboard_alone_gets_in_and_about(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Use the demo account").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use the demo account")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Entry pass")).to_be_focused()
    page.keyboard.press("Tab")
    walk = page.get_by_role("switch", name="Keep me walking about")
    expect(walk).to_be_focused()
    page.keyboard.press("Space")
    expect(walk).to_have_attribute("aria-checked", "false")
