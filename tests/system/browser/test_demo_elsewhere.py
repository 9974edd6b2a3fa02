"""The demo in Firefox and WebKit, as a visitor meets it first; the rest of its page is tried in Chromium."""

import pytest

from tests.system.browser.conftest import until_page
from tests.system.browser.demo import demo
from tests.system.browser.engines.interface import Page, Profile

pytestmark = [pytest.mark.one_scheme, pytest.mark.elsewhere("test_demo_page.py has all of the demo")]
__all__ = ["demo"]

FIND = """(name) => {
  const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
  found?.setAttribute("data-found", name);
  return Boolean(found);
}"""


def press(page: Page, name: str) -> None:
    """Press the button with this name, once it is there."""
    until_page(page, f"({FIND})('{name}')")
    page.click(f"[data-found='{name}']")


def shows(page: Page, heading: str) -> None:
    """Wait for a heading."""
    until_page(page, f"[...document.querySelectorAll('h2')].some(({{ textContent }}) => textContent === '{heading}')")


def test_a_visitor_signs_in_stays_in_over_a_reload_and_signs_out(demo: str, profile: Profile) -> None:
    page: Page = profile.new_page()
    page.goto(demo)
    press(page, "Use the demo account")
    shows(page, "Your notes")
    first = page.evaluate("document.querySelector('.generation').textContent")
    page.reload()
    shows(page, "Your notes")
    until_page(page, f"Number(document.querySelector('.generation').textContent) > {first}")
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).display") != "inline", "it has its style"
    press(page, "Sign out")
    until_page(page, f"({FIND})('Use the demo account')")
