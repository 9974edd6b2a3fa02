"""What the store and the guards know of a browser's session."""

from gatepass.core.session import Session
from tests.support.browser import Browser
from tests.support.gates import GateHarness


def row(at: GateHarness, browser: Browser) -> Session:
    return at.memory.rows()[bytes.fromhex(browser.sid)]


async def guard_status(browser: Browser) -> int:
    """What a guarded endpoint says to the browser's access token."""
    return (await browser.get("/me")).status
