"""Where guessing ends, and that its end locks no owner out (LG-04, LG-05, 63B-4 §3.2.2)."""

import pytest

from gatepass.core.policy import DAY, HOUR
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness


async def guess(at: GateHarness, times: int, *, email: str = EMAIL) -> list[int]:
    """Wrong passwords from ever other networks, as patient as the waits ask for; the statuses."""
    statuses = []
    for number in range(times):
        at.clock.advance(16 * 60)
        stranger = Browser(at.gate.asgi, address=f"10.{number}.0.1")
        statuses.append((await stranger.login(email, "not the password of Ann")).status)
    return statuses


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_after_eighty_wrong_guesses_of_strangers_no_password_opens_the_account(
    at: GateHarness, ann: Browser, email: str
) -> None:
    """And of an address without an account the same is said."""
    assert await guess(at, 80, email=email) == [401] * 80
    at.clock.advance(2 * DAY)
    answer = await Browser(at.gate.asgi, address="192.0.2.1").login(email, PASSWORD)
    assert (answer.status, answer.code) == (429, "too-many-attempts")
    assert int(answer.one("retry-after")) > HOUR


async def test_whoever_is_signed_in_stays_so_meanwhile(at: GateHarness, ann: Browser) -> None:
    for _ in range(4):
        await guess(at, 20)
        assert (await ann.refresh()).status == 200
    assert (await ann.get("/me")).status == 200
