"""Storage full or blocked, a private window, a wrong clock, a killed tab: no session ends by any of them."""

import pytest
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as ChromiumPage

from tests.system.browser.conftest import Stage, ping, resume, sign_up, status
from tests.system.browser.engines.interface import Engine, Profile
from tests.system.browser.long_running import REFRESH, outcomes, skip, start_calls, tabs_of, visit
from tools.services.patience import until

DAY = 24 * 3_600_000
WRONG_CLOCK = """
const now = Date.now.bind(Date);
Date.now = () => now() + (%d);
"""
BLOCKED = """
for (const name of ["indexedDB", "localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
}
"""
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"
NO_CHANNEL = "delete window.BroadcastChannel;"
FULL = """
Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
IDBObjectStore.prototype.add = () => { throw new DOMException("full", "QuotaExceededError"); };
"""


@pytest.mark.parametrize("wrong", [DAY, -DAY], ids=["a day ahead", "a day behind"])
def test_a_clock_that_is_wrong_by_a_day_costs_neither_a_refresh_nor_the_session(
    stage: Stage, profile: Profile, wrong: int
) -> None:
    stage.run_before(WRONG_CLOCK % wrong)
    tabs = tabs_of(stage, profile, 2)
    start_calls(tabs)
    assert outcomes(tabs) == {200}
    before = stage.proxy.count(REFRESH)
    skip(*tabs)
    start_calls(tabs, times=10)
    assert outcomes(tabs) == {200}
    assert stage.proxy.count(REFRESH) - before == 1
    tabs[0].reload()
    resume(tabs[0])
    assert status(tabs[0]) == "active"


@pytest.mark.parametrize("wrong", [BLOCKED, FULL], ids=["blocked", "full"])
def test_a_person_without_storage_signs_in_and_stays_in_while_the_page_is_open(
    stage: Stage, profile: Profile, wrong: str
) -> None:
    stage.run_before(wrong)
    page = visit(stage, profile)
    sign_up(page)
    for _ in range(3):
        skip(page)
        assert "jti" in ping(page)
    assert stage.proxy.count(REFRESH, status=200) == 3
    assert status(page) == "active"
    page.evaluate("stage.session.signOut().then(() => null)")
    assert page.context.cookies() == []


@pytest.mark.chromium_only("a quota that the test sets")
def test_a_full_disk_is_noticed_by_the_browser_itself_and_harms_nobody(stage: Stage, profile: BrowserContext) -> None:
    """The real quota, not one of ours."""
    page = visit(stage, profile)
    devtools = profile.new_cdp_session(page)
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": stage.url, "quotaSize": 0})
    page.evaluate("() => { try { for (;;) localStorage[localStorage.length] = 'x'.repeat(2 ** 18); } catch {} }")
    page.evaluate("() => { try { for (;;) localStorage[localStorage.length] = 'x'; } catch {} }")
    sign_up(page)
    for _ in range(2):
        skip(page)
        assert "jti" in ping(page)
    assert status(page) == "active"


def test_storage_that_fills_up_later_keeps_the_session_and_its_key(stage: Stage, profile: Profile) -> None:
    page = visit(stage, profile)
    sign_up(page)
    stage.run_before(FULL)
    page.reload()
    resume(page)
    skip(page)
    assert "jti" in ping(page)
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_private_window_knows_nothing_of_the_ordinary_one_and_neither_ends_the_other(
    stage: Stage, engine: Engine, profile: Profile
) -> None:
    ordinary = visit(stage, profile)
    sign_up(ordinary)
    private_profile = engine.new_profile()
    private = visit(stage, private_profile)
    assert status(private) == "anonymous"
    sign_up(private)
    skip(ordinary, private)
    start_calls([ordinary, private])
    assert outcomes([ordinary, private]) == {200}
    assert ping(ordinary)["account"] != ping(private)["account"]
    private_profile.close()
    skip(ordinary)
    assert "jti" in ping(ordinary)
    later = engine.new_profile()
    assert status(visit(stage, later)) == "anonymous"
    later.close()


@pytest.mark.chromium_only("a browser that is told that it is offline")
def test_a_sign_out_without_a_network_reaches_the_server_once_there_is_one_again_without_a_reload(
    stage: Stage, profile: BrowserContext
) -> None:
    page = visit(stage, profile)
    sign_up(page)
    token = page.evaluate("stage.session.token().then(pass => pass.value)")
    profile.set_offline(True)
    page.evaluate("stage.session.signOut().then(() => null)")
    assert (status(page), page.evaluate("stage.ended.map(end => end.reason)")) == ("ended", ["signed-out"])
    profile.set_offline(False)
    until(lambda: profile.cookies() == [])
    used = "(token) => fetch('/api/ping', { headers: { Authorization: `Bearer ${token}` } }).then(r => r.status)"
    assert page.evaluate(used, token) == 401


def kill_renderer(chromium: Browser, page: ChromiumPage) -> None:
    """As a crash or the system's memory killer does: no code of the page runs any more, not even on leaving."""
    crashed: list[ChromiumPage] = []
    page.on("crash", lambda dead: crashed.append(dead))
    target = page.context.new_cdp_session(page).send("Target.getTargetInfo")["targetInfo"]["targetId"]
    devtools = chromium.new_browser_cdp_session()
    session = devtools.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]
    # Wrapped, since the dead answer nothing: a plain `Page.crash` would be waited for.
    devtools.send("Target.sendMessageToTarget", {"sessionId": session, "message": '{"id": 1, "method": "Page.crash"}'})
    until(lambda: (devtools.send("Target.getTargets"), crashed)[1])


@pytest.mark.chromium_only("a process of a tab that is killed")
def test_a_tab_whose_process_is_killed_while_it_refreshes_frees_the_lock(
    stage: Stage, chromium: Browser, profile: BrowserContext
) -> None:
    dying, living = tabs_of(stage, profile, 2)
    skip(dying, living)
    with stage.proxy.hold(REFRESH) as held:
        start_calls([dying])
        held.wait()
        kill_renderer(chromium, dying)
    start_calls([living])
    until(lambda: living.evaluate("runOut(100), stage.came"), "a call that waits for no lock")
    assert outcomes([living]) == {200}
    assert stage.proxy.count(REFRESH, status=401) == 0


@pytest.mark.parametrize("missing", [NO_LOCKS, NO_CHANNEL], ids=["locks", "channels"])
def test_a_browser_that_lacks_one_of_locks_and_channels_refreshes_more_often_and_signs_nobody_out(
    stage: Stage, profile: Profile, missing: str
) -> None:
    stage.run_before(missing)
    tabs = tabs_of(stage, profile, 3)
    for _ in range(2):
        skip(*tabs)
        start_calls(tabs, times=20)
        assert outcomes(tabs) == {200}
    assert stage.proxy.count(REFRESH, status=401) == 0
    tabs[0].evaluate("stage.session.signOut().then(() => null)")
    skip(*tabs[1:])
    start_calls(tabs[1:])
    assert outcomes(tabs[1:]) <= {"session-ended", "http"}
    assert {status(tab) for tab in tabs} <= {"ended", "anonymous"}
