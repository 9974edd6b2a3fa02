"""What the tests of second steps do: sign in as far as a ticket."""

from typing import Any

from tests.support.browser import Browser
from tests.support.gates import GateHarness


async def ticket_of(browser: Browser, **more: Any) -> str:
    """The ticket of a first step."""
    answer = await browser.login(**more)
    assert (answer.status, answer.code) == (401, "second-factor-required")
    return str(answer.json()["ticket"])


def caller(at: GateHarness, browser: Browser) -> Any:
    return at.gate.check.principal([f"Bearer {browser.access_token}"])
