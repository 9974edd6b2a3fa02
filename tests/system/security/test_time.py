"""How long things last, to the second, however a client behaves (SL-01, SL-02, SL-06, RT-03, RT-08)."""

from gatepass.core.policy import DAY, HOUR, MINUTE
from tests.support.browser import RT, Browser
from tests.support.gates import NOW, GateHarness


async def daily(at: GateHarness, browser: Browser, days: int) -> None:
    """Refresh once a day."""
    for _ in range(days):
        at.clock.advance(DAY)
        assert (await browser.refresh()).status == 200


async def test_a_session_used_every_day_ends_thirty_days_after_its_sign_in(at: GateHarness, ann: Browser) -> None:
    await daily(at, ann, 29)
    at.clock.advance(DAY - 1)
    answer = await ann.refresh()
    assert answer.status == 200
    assert (answer.json()["expires_in"], answer.cookie(RT).marks["Max-Age"]) == (1, "1")
    at.clock.advance(1)
    ended = await ann.refresh()
    assert (ended.status, ended.json()["reason"]) == (401, "expired")
    assert (await ann.get("/me")).status in (200, 401), "the tolerance of clocks, no more"
    at.clock.advance(MINUTE)
    assert (await ann.get("/me")).status == 401


async def test_a_refresh_never_puts_the_end_off(at: GateHarness, ann: Browser) -> None:
    ends = set()
    for _ in range(8):
        at.clock.advance(3 * DAY)
        await ann.refresh()
        (session,) = at.memory.rows().values()
        ends.add(session.expires_at)
    assert ends == {NOW + 30 * DAY}


async def test_seven_idle_days_end_it_and_one_second_less_does_not(at: GateHarness, ann: Browser) -> None:
    other = Browser(at.gate.asgi)
    await other.register("bob@example.com")
    at.clock.advance(7 * DAY - 1)
    assert (await ann.refresh()).status == 200, "and the week begins anew"
    at.clock.advance(1)
    assert (await other.refresh()).json()["reason"] == "expired"
    at.clock.advance(7 * DAY - 2)
    assert (await ann.refresh()).status == 200


async def test_a_new_sign_in_begins_both_times_anew_and_ends_the_old_card(at: GateHarness, ann: Browser) -> None:
    await daily(at, ann, 29)
    old = ann.clone(key=ann.key)
    at.clock.advance(23 * HOUR)
    assert (await ann.login()).status == 200
    await daily(at, ann, 20)
    assert (await ann.refresh()).status == 200
    assert (await old.refresh()).status == 401


async def test_a_copy_of_a_week_ago_is_still_worthless_and_of_an_unbound_session_still_known(
    at: GateHarness, ann: Browser
) -> None:
    bea = Browser(at.gate.asgi, key=None)
    await bea.register("bea@example.com")
    thieves = [ann.clone(key=b"t" * 32), bea.clone(), bea.clone()]
    for _ in range(25):
        at.clock.advance(6 * HOUR)
        await ann.refresh()
        await bea.refresh()
    assert [(await thief.refresh()).status for thief in thieves] == [403, 401, 401]
    assert len(at.named("authn_token_reuse")) == 1
    assert (await bea.refresh()).json()["reason"] == "reused"
    assert (await ann.refresh()).status == 200


async def test_a_clock_that_is_set_back_or_forward_harms_nobody(at: GateHarness, ann: Browser) -> None:
    for step in (-HOUR, HOUR, -3 * DAY, 3 * DAY):
        at.clock.advance(step)
        assert (await ann.refreshed()).status == 200
    assert at.named("authn_token_reuse") == []
