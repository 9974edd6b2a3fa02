"""What the tests of throttling do: fail to sign in, several times, and until nothing opens the account."""

from gatepass.core.policy import MINUTE
from gatepass.core.throttle import LIFETIME, PER_ACCOUNT
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, Browser
from tests.support.gates import GateHarness

WRONG = "seven green bottles on the wall"


async def fail(browser: Browser, times: int, email: str = EMAIL) -> list[Answer]:
    return [await browser.login(email, WRONG) for _ in range(times)]


async def exhaust_waits(at: GateHarness, email: str = EMAIL) -> None:
    """Fail as often as all networks together may without a wait, and some more."""
    for count in range(PER_ACCOUNT.free + 3):
        await fail(Browser(at.gate.asgi, address=f"10.{count}.0.1"), 1, email)


async def exhaust(at: GateHarness, email: str = EMAIL, *, while_using: Browser | None = None) -> None:
    """Fail as often as strangers may, from ever other networks, when no wait is in the way."""
    for count in range(LIFETIME.free):
        browser = Browser(at.gate.asgi, address=f"10.{count}.0.1")
        assert (await fail(browser, 1, email))[0].status == 401
        at.clock.advance(16 * MINUTE)
        if while_using is not None:
            assert (await while_using.refresh()).status == 200
