"""A bound session in Firefox and in WebKit: what Chromium shows in all other files must hold there too.

Only where these browsers are installed (`webdriver.py` names Debian's packages); `run.py test` installs neither.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.browser.conftest import PASSWORD, Stage
from tests.system.browser.test_theft import present
from tests.system.browser.webdriver import Driver, Firefox, Tab, WebKit, find_firefox, find_minibrowser, new_tab, opened

pytestmark = pytest.mark.slow
EXPIRE = "const now = performance.now.bind(performance); performance.now = () => now() + 1_000_000;"
PING = "return stage.api.get('/api/ping').then((answer) => answer.status, (error) => error.kind);"
STATE = "const { status, reason, sessionId } = stage.session.getSnapshot(); return { status, reason, sid: sessionId };"
STORED = """
const done = (asked) => new Promise((ok, no) => { asked.onsuccess = () => ok(asked.result); asked.onerror = no; });
const db = await done(indexedDB.open("gatepass"));
const [kept] = await done(db.transaction("gatepass").objectStore("gatepass").getAll());
db.close();
"""
KEY = f"{STORED} const {{ key }} = Object.values(kept)[0];"


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """Each of the two; one start for all tests."""
    folder = tmp_path_factory.mktemp(request.param)
    with opened(start_firefox(folder) if request.param == "firefox" else start_webkit(folder)) as browser:
        yield browser


def start_firefox(profile: Path) -> Firefox:
    """A Firefox on a profile, if this machine has one."""
    if find_firefox() is None:
        pytest.skip("there is no Firefox; webdriver.py names the package")
    return Firefox(profile)


def start_webkit(folder: Path) -> WebKit:
    """A MiniBrowser, if this machine has one."""
    if find_minibrowser() is None:
        pytest.skip("there is no WebKit with its driver and a screen; webdriver.py names the packages")
    return WebKit(folder)


def tab_of(driver: Driver, stage: Stage, *, private: bool = False) -> Tab:
    """A tab whose session is resumed."""
    tab = new_tab(driver, private=private)
    tab.go(stage.url)
    resume(tab)
    return tab


def resume(tab: Tab) -> None:
    """After a load: once the page knows who is signed in."""
    tab.run("while (!window.stage) await new Promise((ok) => setTimeout(ok, 10)); await stage.ready;")


def sign_up(tab: Tab) -> str:
    """A new account, signed in here; the id of its session."""
    tab.run(
        f"return stage.session.signUp({{ email: `${{crypto.randomUUID()}}@example.com`, password: '{PASSWORD}' }})"
        ".then(() => null)"
    )
    sid: str = tab.run(STATE)["sid"]
    return sid


def card_of(tab: Tab, stage: Stage) -> tuple[str, str]:
    """Name and value of the stage's refresh cookie; those of other ports of this host lie in the jar too."""
    name = f"gatepass_{stage.proxy.port}"
    return next((name, cookie["value"]) for cookie in tab.cookies() if cookie["name"] == name)


def test_a_bound_session_outlives_a_reload_and_refreshes_with_its_proof(stage: Stage, driver: Driver) -> None:
    tab = tab_of(driver, stage)
    sid = sign_up(tab)
    listed = "return stage.api.get('/auth/sessions').then((answer) => answer.data.sessions.map((one) => one.bound));"
    assert tab.run(listed) == ["key"]
    before = stage.proxy.count("/auth/refresh", status=200)
    for _ in range(2):
        tab.run(EXPIRE)
        assert tab.run(PING) == 200
        tab.reload()
        resume(tab)
        assert tab.run(PING) == 200
    assert tab.run(STATE) == {"status": "active", "reason": None, "sid": sid}
    assert stage.proxy.count("/auth/refresh", status=200) - before == 4
    assert stage.proxy.count("/auth/refresh", status=403) == 0


def test_two_tabs_that_need_a_token_at_once_refresh_in_turn(stage: Stage, driver: Driver) -> None:
    tab = tab_of(driver, stage)
    sid = sign_up(tab)
    tabs = [tab, tab_of(driver, stage)]
    for each in tabs:
        each.run(EXPIRE)
    for each in tabs:
        each.run(f"stage.call = (async () => {{ {PING} }})();")
    assert [each.run("return stage.call") for each in tabs] == [200, 200]
    assert [each.run(STATE)["sid"] for each in tabs] == [sid, sid]
    assert stage.proxy.count("/auth/refresh", status=401) == stage.proxy.count("/auth/refresh", status=403) == 0


def test_the_key_cannot_be_taken_out(stage: Stage, driver: Driver) -> None:
    tab = tab_of(driver, stage)
    sign_up(tab)
    assert tab.run(f"{KEY} return [key instanceof CryptoKey, key.extractable, key.usages];") == [True, False, ["sign"]]
    taken = f"{KEY} return crypto.subtle.exportKey('raw', key).then(() => 'taken', (error) => error.name);"
    assert tab.run(taken) == "InvalidAccessError"


def test_a_stolen_cookie_is_worthless_and_its_owner_goes_on(stage: Stage, driver: Driver) -> None:
    tab = tab_of(driver, stage)
    sid = sign_up(tab)
    for _ in range(2):
        code, cookie, body = present(stage, card_of(tab, stage))
        assert (code, cookie, body["code"]) == (403, None, "proof-required")
        tab.run(EXPIRE)
        assert tab.run(PING) == 200
    assert tab.run(STATE)["sid"] == sid


def test_a_firefox_profile_is_signed_in_after_a_restart_and_its_private_windows_are_not(
    stage: Stage, tmp_path: Path
) -> None:
    """And without its keys, as when only the cookies were restored, it is signed out, once, and keeps the cookies."""
    with opened(start_firefox(tmp_path / "profile")) as firefox:
        sid = sign_up(tab_of(firefox, stage))
    with opened(start_firefox(tmp_path / "profile")) as firefox:
        tab = tab_of(firefox, stage)
        assert tab.run(STATE) == {"status": "active", "reason": None, "sid": sid}
        private = tab_of(firefox, stage, private=True)
        assert private.run(STATE)["status"] == "anonymous"
        assert sign_up(private) != sid
        assert present(stage, card_of(private, stage))[0] == 403
        for each in (tab, private):
            each.run(EXPIRE)
            assert each.run(PING) == 200
        assert tab.run(STATE)["sid"] == sid
    shutil.rmtree(tmp_path / "profile" / "storage")
    with opened(start_firefox(tmp_path / "profile")) as firefox:
        tab = tab_of(firefox, stage)
        state = tab.run(STATE)
        assert (state["status"], state["reason"]) == ("ended", "unproven")
        assert card_of(tab, stage)[1].startswith("gp_rt_")
