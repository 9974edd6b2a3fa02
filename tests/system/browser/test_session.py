"""One person, one tab: signing in, staying in, and coming back."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright
from playwright.sync_api import Page as ChromiumPage

from gatepass.core.policy import DAY
from tests.system.browser.conftest import Stage, expire, open_tab, ping, prepared, resume, sign_up, status, until_at
from tests.system.browser.engines.interface import Page
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.patience import PATIENCE, until

REFRESH = "/auth/refresh"
QUARTER = 15 * 60 + 10
"""The life of a pass, and what clocks may differ by."""
USED = "(token) => fetch('/api/ping', { headers: { Authorization: `Bearer ${token}` } }).then(r => r.status)"


def test_calls_go_on_over_the_end_of_a_pass_with_exactly_one_refresh(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    first = ping(tab)
    token = tab.evaluate("stage.session.token().then(t => t.value)")
    stage.skip(QUARTER)
    expire(tab)
    assert tab.evaluate(USED, token) == 401, "the server, too, holds that it has run out"
    assert stage.proxy.count(REFRESH) == 0
    answers = tab.evaluate(
        "Promise.all(Array.from({length: 20}, () => stage.api.get('/api/ping').then(r => r.data.jti)))"
    )
    assert len(set(answers)) == 1
    assert answers[0] != first["jti"]
    assert stage.proxy.count(REFRESH) == 1


def test_a_link_on_another_site_that_signs_in_by_a_redirect_is_bound_by_the_page(stage: Stage, tab: Page) -> None:
    """The session began without a key, in a response to a request of another site: the page knows it and binds it."""
    sign_up(tab)
    account = ping(tab)["account"]
    tab.evaluate("stage.session.signOut()")
    tab.goto(f"{stage.url.replace('localhost', '127.0.0.1')}/pages/elsewhere.html")
    tab.evaluate("(url) => { document.querySelector('a').href = url; }", f"{stage.url}/enter?account={account}")
    tab.click("a")
    until_at(tab, f"{stage.url}/")
    resume(tab)
    assert (status(tab), ping(tab)["account"]) == ("active", account)
    listed = "stage.api.get('/auth/sessions').then(r => r.data.sessions.map(s => [s.bound, ...s.methods]))"
    assert tab.evaluate(listed) == [["key", "otp"]]
    tab.reload()
    resume(tab)
    assert ping(tab)["account"] == account, "with the key that it has kept"


WAKING = """() => {
  for (const type of ["focus", "online", "pageshow", "resume"]) dispatchEvent(new Event(type));
  for (const type of ["visibilitychange", "resume"]) document.dispatchEvent(new Event(type));
}"""


@pytest.mark.chromium_only("a clock of which each timer fires")
def test_an_abandoned_page_does_not_refresh_and_its_session_ends(stage: Stage, chromium: Browser) -> None:
    """Every timer of half an hour fires, in a page whose clock is Playwright's; it is looked at, and left again."""
    profile = chromium.new_context()
    profile.clock.install()
    profile.add_init_script("window.skip = () => null")  # by it pages/time.js knows that the clock is in other hands
    page = open_tab(stage, profile)
    sign_up(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.clock.run_for("30:00")
    assert page.evaluate("performance.now() > stage.session.getSnapshot().expiresAt")
    page.evaluate(WAKING)
    page.clock.run_for("30:00")
    page.evaluate("fetch('/page.js').then(() => null)")  # what was sent before this has been noted
    assert sent == [f"{stage.url}/page.js"]
    stage.skip(7 * DAY)
    assert ping(page)["error"] == "session-ended"
    assert page.evaluate("stage.session.getSnapshot().reason") == "expired"
    assert f"{stage.url}{REFRESH}" in sent, "a refresh would have been noted"
    profile.close()


def test_a_reload_keeps_the_session(stage: Stage, tab: Page) -> None:
    email = sign_up(tab)
    tab.reload()
    resume(tab)
    assert status(tab) == "active"
    assert tab.evaluate("stage.session.getSnapshot().account.email") == email
    assert "jti" in ping(tab)


def test_a_visitor_causes_no_request_to_the_auth_endpoints(stage: Stage, tab: Page) -> None:
    assert status(tab) == "anonymous"
    assert not [seen for seen in stage.proxy.exchanges if seen.path.startswith("/auth")]


def test_a_posted_body_arrives_whole_after_a_refresh(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    answer = tab.evaluate("stage.api.post('/api/echo', { text: 'grüße' }).then(r => r.data)")
    assert answer == {"body": '{"text":"grüße"}', "kind": "application/json"}
    assert stage.proxy.count(REFRESH) == 1


@pytest.mark.chromium_only("a profile that outlasts its browser; Firefox has one in test_firefox_profiles.py")
def test_a_closed_and_reopened_browser_is_still_signed_in(stage: Stage, playwright: Playwright, tmp_path: Path) -> None:
    def browser() -> BrowserContext:
        return prepared(
            playwright.chromium.launch_persistent_context(
                tmp_path / "profile", executable_path=find_chromium(), args=ARGUMENTS, timeout=PATIENCE * 1_000
            )
        )

    first = browser()
    sign_up(open_tab(stage, first))
    first.close()
    second = browser()
    page = open_tab(stage, second)
    assert status(page) == "active"
    assert "jti" in ping(page)
    second.close()


def test_without_remember_the_cookies_end_with_the_browser(stage: Stage, tab: Page) -> None:
    sign_up(tab, remember=False)
    lasting = [cookie for cookie in tab.context.cookies() if cookie["expires"] != -1]
    assert lasting == []


def test_signing_out_ends_the_session_on_the_server_too(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    pass_of_before = tab.evaluate("stage.session.token().then(t => t.value)")
    tab.evaluate("stage.session.signOut().then(() => null)")
    assert tab.context.cookies() == []
    answer = tab.evaluate(
        "(token) => fetch('/api/ping', { headers: { Authorization: `Bearer ${token}` } }).then(r => r.status)",
        pass_of_before,
    )
    assert answer == 401


def test_the_refresh_cookie_is_out_of_reach_of_scripts(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    assert "gp_rt_" not in tab.evaluate("document.cookie")
    assert stage.names.state in tab.evaluate("document.cookie")


@pytest.mark.chromium_only("the console and all requests")
def test_no_token_is_in_any_storage_page_address_log_or_window(stage: Stage, tab: ChromiumPage) -> None:
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    requested: list[str] = []
    tab.on("request", lambda request: requested.append(request.url))
    sign_up(tab)
    ping(tab)
    expire(tab)
    ping(tab)
    access = tab.evaluate("stage.session.token().then(t => t.value)")
    refresh = next(cookie["value"] for cookie in tab.context.cookies() if cookie["httpOnly"])
    found = tab.evaluate(DUMP)
    assert "binding key" in found  # the dump did reach IndexedDB
    for token in (access, access.split(".")[2], refresh):
        assert token not in found
        assert token not in "\n".join(said + requested)
        assert token.encode() not in stage.database()


def test_a_dead_server_is_not_a_logout(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    stage.kill()
    assert ping(tab)["error"] in ("refresh-unavailable", "network", "http")
    assert status(tab) == "degraded"
    stage.start()
    until(lambda: "jti" in ping(tab))
    assert status(tab) == "active"


STORES = """
  const stores = [];
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((ok) => { indexedDB.open(name).onsuccess = (e) => ok(e.target.result); });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store);
      stores.push(await new Promise((ok) => { all.getAll().onsuccess = (e) => ok(e.target.result); }));
    }
    db.close();
  }
  const values = stores.flat();
"""
DUMP = f"""async () => {{
  {STORES}
  const text = (value) => value instanceof CryptoKey ? "binding key" : JSON.stringify(value, (_, v) =>
    v instanceof CryptoKey ? "binding key" : v);
  const caches_ = [];
  for (const name of await caches.keys()) {{
    caches_.push(name, ...(await (await caches.open(name)).keys()).map((request) => request.url));
  }}
  const seen = [];
  for (const name of Object.getOwnPropertyNames(window)) {{
    try {{ if (typeof window[name] === "string") seen.push(window[name]); }} catch {{}}
  }}
  return [
    JSON.stringify({{ ...localStorage }}), JSON.stringify({{ ...sessionStorage }}), document.cookie,
    location.href, document.documentElement.outerHTML, JSON.stringify(history.state),
    performance.getEntries().map((e) => e.name).join(), values.map(text).join(), caches_.join(), seen.join(),
    JSON.stringify(window.stage.session), JSON.stringify(window.stage.refreshes),
    JSON.stringify(window.stage.session.getSnapshot()),
  ].join("\\n");
}}"""
