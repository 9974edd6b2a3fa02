"""The demo is usable by everyone: WCAG AA in both schemes, on a desk and on a small phone."""

import pytest
from playwright.sync_api import Page, expect

from tests.system.browser.demo import Visit, axe_source, demo, press, sign_in, told, visit

pytestmark = pytest.mark.chromium_only("the accessibility tree")

__all__ = ["demo", "visit"]

_RUN = """
() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
  .then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.target)))
"""


def assert_accessible(page: Page) -> None:
    """No fault that axe finds, and nothing that needs scrolling sideways."""
    # Colours are measured where they have come to rest.
    page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    page.evaluate(axe_source())
    assert page.evaluate(_RUN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (360, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.full),
        pytest.param(360, "light", marks=pytest.mark.full),
    ],
)
def test_every_face_of_the_page_is_accessible(visit: Visit, width: int, scheme: str) -> None:
    page = visit(width=width, scheme=scheme)
    page.get_by_role("button", name="Use the demo account").wait_for()
    assert_accessible(page)

    press(page, "Make an account")
    press(page, "Make the account and sign in")
    assert_accessible(page)

    press(page, "Sign in instead")
    sign_in(page)
    press(page, "Lose the next refresh answer")
    told(page, "The answer was lost, the session was not")
    press(page, "Get a 404")
    told(page, "404")
    assert_accessible(page)

    press(page, "A thief copies my card")
    page.get_by_text("The thief got nothing").first.wait_for()
    assert_accessible(page)


def test_at_400_percent_the_page_keeps_its_window(visit: Visit) -> None:
    """1280 × 1024 at 400 % are 320 × 256 (WCAG 1.4.10): what stays there while it scrolls leaves three quarters."""
    page = visit(width=320, height=256)
    sign_in(page)
    page.locator(".happened").wait_for()
    page.get_by_role("button", name="Expire my pass now").scroll_into_view_if_needed()
    kept = page.evaluate(STAYING)
    assert 0 < kept <= 256 / 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


STAYING = """
() => [...document.querySelectorAll("body *")]
  .filter((element) => ["fixed", "sticky"].includes(getComputedStyle(element).position))
  .map((element) => element.getBoundingClientRect())
  .map(({ top, bottom }) => Math.max(0, Math.min(bottom, innerHeight) - Math.max(top, 0)))
  .reduce((sum, height) => sum + height, 0)
"""


def test_on_a_phone_the_first_experiment_is_on_the_first_screen_and_the_log_book_one_press_away(visit: Visit) -> None:
    page = visit(width=390, height=844)
    sign_in(page)
    page.evaluate("scrollTo(0, 0)")
    button = page.get_by_role("button", name="Expire my pass now").bounding_box()
    bar = page.locator(".happened").bounding_box()
    assert button is not None
    assert bar is not None
    assert button["y"] + button["height"] <= bar["y"]
    page.get_by_role("link", name="Log-book").click()
    expect(page.get_by_role("heading", name="The guard’s log-book")).to_be_in_viewport()


def test_silent_work_is_not_read_out(visit: Visit) -> None:
    page = visit()
    sign_in(page)
    page.locator(".dot").first.wait_for()
    assert page.get_by_role("status").inner_text() == ""
