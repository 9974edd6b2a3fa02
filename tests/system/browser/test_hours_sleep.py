"""Tabs that sleep: a closed laptop, a frozen tab. It ends no session, and nobody in."""

from contextlib import ExitStack

import pytest
from playwright.sync_api import BrowserContext

from tests.system.browser.conftest import PASSWORD, Stage, ping, status
from tests.system.browser.long_running import (
    REFRESH,
    asleep,
    outcomes,
    skip,
    start_calls,
    tabs_of,
)
from tools.services.patience import until

pytestmark = pytest.mark.chromium_only("pages that the debugger puts to sleep")

WAITING = "navigator.locks.query().then(({ pending }) => pending.length)"
COOKIE = "document.cookie"
HELD_BACK = """() => {
    const now = window.fetch;
    const gone = new Promise((resolve) => { window.go = resolve; });
    window.heldBack = false;
    window.fetch = async (input, init) => {
        if (String(input.url ?? input).includes("/auth/refresh")) { window.heldBack = true; await gone; }
        return now(input, init);
    };
}"""
"""The refreshes of a page are sent when `go` is called."""
OTHER = {"email": "bob@example.com", "password": PASSWORD}


def test_a_laptop_that_wakes_with_six_tabs_and_a_thousand_calls_refreshes_once_and_loses_none(
    stage: Stage, profile: BrowserContext
) -> None:
    tabs = tabs_of(stage, profile, 6)
    before = stage.proxy.count(REFRESH)
    skip(*tabs)
    with asleep(*tabs):
        pass
    start_calls(tabs, times=167)
    assert outcomes(tabs) == {200}
    assert stage.proxy.count(REFRESH) - before == 1
    assert stage.proxy.count("/api/ping", status=401) == 0


def test_a_tab_frozen_while_it_holds_the_lock_delays_the_others_by_their_patience_and_no_longer(
    stage: Stage, profile: BrowserContext
) -> None:
    frozen, living = tabs_of(stage, profile, 2)
    before, cookie = stage.proxy.count(REFRESH), living.evaluate(COOKIE)
    skip(frozen, living)
    with ExitStack() as sleep:
        with stage.proxy.hold(REFRESH) as held:
            start_calls([frozen])
            held.wait()
            sleep.enter_context(asleep(frozen))
        # Before the other tab asks: if it came in between, that one would wait for the lock once more.
        until(lambda: living.evaluate(COOKIE) != cookie, "the cookie of the answer that the frozen tab does not hear")
        start_calls([living])
        until(lambda: living.evaluate(WAITING) == 1, "the wait for the lock")
        assert stage.proxy.count(REFRESH) == before + 1
        # Ten seconds for the frozen tab's call, and five more: so long a tab waits for its turn.
        living.evaluate("runOut(15_000)")
        until(lambda: living.evaluate("runOut(100), stage.came"), "the token that the frozen tab shares with nobody")
        assert outcomes([living]) == {200}
        assert stage.proxy.count(REFRESH) == before + 2
    until(lambda: "jti" in ping(frozen))
    assert (status(frozen), status(living)) == ("active", "active")
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_tab_whose_refresh_is_superseded_waits_for_the_lock_of_a_frozen_tab_once(
    stage: Stage, profile: BrowserContext
) -> None:
    frozen, living = tabs_of(stage, profile, 2)
    before, cookie = stage.proxy.count(REFRESH), living.evaluate(COOKIE)
    skip(frozen, living)
    living.evaluate(HELD_BACK)
    with ExitStack() as sleep:
        with stage.proxy.hold(REFRESH) as held:
            start_calls([frozen])
            held.wait()
            sleep.enter_context(asleep(frozen))
            start_calls([living])
            until(lambda: living.evaluate(WAITING) == 1, "the wait for the lock")
            living.evaluate("runOut(15_000)")
            until(lambda: living.evaluate("heldBack"), "a refresh with the proof of the former token")
        until(lambda: living.evaluate(COOKIE) != cookie, "the cookie of the answer that the frozen tab does not hear")
        living.evaluate("go()")
        assert outcomes([living]) == {200}
        assert stage.proxy.count(REFRESH, status=409) == 1
        assert stage.proxy.count(REFRESH) == before + 3
    until(lambda: "jti" in ping(frozen))
    assert (status(frozen), status(living)) == ("active", "active")


def test_a_frozen_tab_wakes_as_nobody_or_as_the_person_who_signed_in_meanwhile(
    stage: Stage, profile: BrowserContext
) -> None:
    frozen, other = tabs_of(stage, profile, 2)
    with asleep(frozen):
        other.evaluate("stage.session.signOut().then(() => null)")
        other.evaluate("(who) => stage.session.signUp(who).then(() => null)", OTHER)
        bob = ping(other)["account"]
    assert ping(frozen).get("account") in (bob, None), "no call of Ann's page may be made in her name again"
    until(lambda: frozen.evaluate("stage.session.getSnapshot().account?.email") in (OTHER["email"], None))
    assert frozen.evaluate("stage.ended.map(end => end.reason)") == ["signed-out"]
