"""Second keys in the demo: passkeys, an app, recovery codes, a step-up; by keyboard, and as they are read out."""

import itertools
import os
import re
import time
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from gatepass.testing import totp_code
from tests.system.browser.authenticators import plug_in
from tests.system.browser.demo import Visit, demo, press, stand_still, visit
from tests.system.browser.test_demo_access import assert_accessible

pytestmark = pytest.mark.chromium_only("virtual authenticators and the accessibility tree")

__all__ = ["demo", "visit"]
PASSWORD = "seven green bottles on a wall"
_numbers = itertools.count()


def sign_up(page: Page) -> str:
    """An account of the test's own: what it adds must not ask others for a second key."""
    email = f"ann{next(_numbers)}.{os.getpid()}@example.com"
    press(page, "Make an account")
    fill_in(page, email)
    press(page, "Make the account and sign in")
    page.get_by_role("heading", name="Your second key").wait_for()
    stand_still(page)
    return email


def fill_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A device that verifies its user at once."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable", {"enableUI": False})
    return cdp, plug_in(cdp)


def add_app(page: Page) -> tuple[str, list[str]]:
    """Add an authenticator app: its secret, and the recovery codes."""
    press(page, "Add an authenticator app")
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("The code that the app shows").fill(totp_code(secret))
    press(page, "Add it")
    page.get_by_role("heading", name="Keep these recovery codes").wait_for()
    codes = page.locator(".codes code").all_inner_texts()
    press(page, "I have kept them")
    page.get_by_role("button", name="Remove the app").wait_for()
    return secret, codes


def next_code(secret: str) -> str:
    """The code of the next half minute: that of this one has been used."""
    return totp_code(secret, at=int(time.time()) + 30)


def spoken(page: Page) -> list[dict[str, Any]]:
    """What a screen reader finds on the page: the role, the name and the properties of each node."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", ""),
            **{each["name"]: each["value"].get("value") for each in node.get("properties", [])},
        }
        for node in nodes
        if not node["ignored"]
    ]


def assert_all_named(page: Page) -> None:
    """Every control says what it is, and no two buttons say the same."""
    tree = spoken(page)
    controls = [each for each in tree if each["role"] in ("textbox", "button", "checkbox", "switch", "radio", "link")]
    assert [each for each in controls if not each["name"].strip()] == []
    names = [each["name"] for each in controls if each["role"] == "button"]
    assert sorted(set(names)) == sorted(names)


def type_on(page: Page, *keys: str) -> None:
    """Press keys, a moment after what was done last."""
    page.evaluate("skip(1_000)")
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a button has the focus: it is reached, in the order of the page."""
    button = page.get_by_role("button", name=name, exact=True)
    for _ in range(60):
        if button.evaluate("(button) => button === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {name!r}")


def test_by_keyboard_alone_an_app_is_added_and_the_safe_opened_and_each_step_is_read_out(visit: Visit) -> None:
    page = visit()
    sign_up(page)
    assert_all_named(page)
    tab_to(page, "Add an authenticator app")
    type_on(page, "Enter")
    page.locator("code.secret").wait_for()
    secret = page.locator("code.secret").inner_text()
    field = page.get_by_label("The code that the app shows")
    expect(field).to_be_focused()
    assert (field.get_attribute("autocomplete"), field.get_attribute("inputmode")) == ("one-time-code", "numeric")
    assert any(each["role"] in ("image", "img") and "QR code" in each["name"] for each in spoken(page))

    page.keyboard.type("000000")
    type_on(page, "Enter")
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("This code is wrong"))
    assert_all_named(page)
    page.keyboard.type(totp_code(secret))  # in place of the wrong one
    type_on(page, "Enter")
    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_focused()
    type_on(page, "Tab", "Enter")
    expect(page.get_by_role("heading", name="Authenticator app")).to_be_focused()

    tab_to(page, "Open the safe")
    type_on(page, "Enter")
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    expect(page.get_by_role("region", name="This needs a second key")).to_contain_text("acr_values=mfa max_age=60")
    assert_all_named(page)
    tab_to(page, "Not now")
    type_on(page, "Enter")
    expect(page.get_by_role("button", name="Open the safe")).to_be_focused()
    type_on(page, "Enter")
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    page.keyboard.type(next_code(secret))
    type_on(page, "Enter")
    expect(page.locator(".inside p").first).to_be_focused()
    expect(page.locator(".inside")).to_contain_text("pwd otp mfa")
    tab_to(page, "Close the safe")
    type_on(page, "Enter")
    expect(page.get_by_role("button", name="Open the safe")).to_be_focused()


def test_without_a_second_key_the_safe_says_what_to_do_until_it_is_done(visit: Visit) -> None:
    page = visit()
    sign_up(page)
    press(page, "Open the safe")
    expect(page.get_by_role("alert")).to_have_text("This account has no second key yet. Add a passkey or an app first.")
    add_app(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_passkey_signs_in_without_a_name_from_the_field_and_from_the_button(visit: Visit) -> None:
    page = visit()
    cdp, device = authenticator(page)
    sign_up(page)
    page.get_by_label("Name of the new passkey").fill("My phone")
    press(page, "Add a passkey")
    press(page, "Rename the passkey My phone")
    page.keyboard.type("Old phone")
    type_on(page, "Enter")
    expect(page.get_by_role("button", name="Rename the passkey Old phone")).to_be_focused()
    press(page, "Sign out")
    # Conditional mediation: the device that is there answers for the person, who takes the passkey in the field.
    page.get_by_role("heading", name="Your second key").wait_for()

    page.evaluate("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    press(page, "Sign out")
    cdp.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("alert")).to_have_text("No passkey was used, and nothing has changed.")
    cdp.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    press(page, "Sign in with a passkey")
    page.get_by_role("heading", name="Your second key").wait_for()
    press(page, "Open the safe")
    expect(page.locator(".inside")).to_contain_text("hwk user mfa")  # two keys in one
    press(page, "Remove the passkey Old phone")
    expect(page.get_by_role("heading", name="Passkeys")).to_be_focused()
    press(page, "Sign out")
    press(page, "Sign in with a passkey")
    expect(page.get_by_role("alert")).to_contain_text("This passkey was removed from its account")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), pytest.param(1280, "light", marks=pytest.mark.full)])
def test_a_sign_in_goes_on_with_a_second_key_and_every_face_is_accessible(
    visit: Visit, width: int, scheme: str
) -> None:
    page = visit(width=width, scheme=scheme)
    email = sign_up(page)
    press(page, "Add an authenticator app")
    page.locator(".qr svg").wait_for()
    assert_accessible(page)
    press(page, "Not now")
    _, codes = add_app(page)
    press(page, "Ten new recovery codes")
    page.get_by_label("Code of your authenticator app").wait_for()
    assert_accessible(page)
    press(page, "Use a recovery code")
    page.get_by_label("Recovery code").fill(codes[0])
    press(page, "Go on")
    page.get_by_role("heading", name="Keep these recovery codes").wait_for()
    assert_accessible(page)
    codes = page.locator(".codes code").all_inner_texts()
    press(page, "I have kept them")
    press(page, "Open the safe")
    page.get_by_text("It is open.").wait_for()
    assert_accessible(page)

    press(page, "Sign out")
    fill_in(page, email)
    press(page, "Sign in")
    page.get_by_role("heading", name="Now your second key").wait_for()
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    assert_accessible(page)
    assert_all_named(page)
    press(page, "Use a recovery code")
    page.get_by_label("Recovery code").fill("no code at all")
    press(page, "Go on")
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_label("Recovery code").fill(codes[0])
    press(page, "Go on")
    page.get_by_role("heading", name="Your second key").wait_for()
    expect(page.get_by_text("9 recovery codes left")).to_be_visible()
