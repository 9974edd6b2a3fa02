"""The core: what must hold in Chromium, Firefox and WebKit alike, in each run (`engines/variants.py`).

All else that a browser drives runs in Chromium by default, and in the others with `run.py test --browsers all`.
"""

import json
import urllib.error
import urllib.request
from functools import partial

import pytest

from tests.system.browser.conftest import PASSWORD, Stage, expire, open_tab, ping, resume, sign_up, status
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.engines.variants import Variant
from tools.services.patience import until

pytestmark = pytest.mark.every_browser
REFRESH = "/auth/refresh"
STATE_OF = "document.cookie.split('; ').find((pair) => pair.includes('gatepass_state')).split('=')"
EXPORT = """async () => {
  const done = (request) => new Promise((ok) => { request.onsuccess = () => ok(request.result); });
  const db = await done(indexedDB.open("gatepass"));
  const kept = await done(db.transaction("gatepass").objectStore("gatepass").getAll());
  db.close();
  const keys = kept.flatMap((value) => Object.values(value)).map((one) => one.key);
  if (keys.length !== 1) return { keys: keys.length };
  const [key] = keys;
  const found = { sign: (await crypto.subtle.sign("HMAC", key, new Uint8Array(9))).byteLength };
  for (const format of ["raw", "jwk", "pkcs8", "spki"]) {
    found[format] = await crypto.subtle.exportKey(format, key).then(() => true, () => false);
  }
  const own = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["wrapKey"]);
  const how = { name: "AES-GCM", iv: new Uint8Array(12) };
  found.wrap = await crypto.subtle.wrapKey("raw", key, own, how).then(() => true, () => false);
  return found;
}"""
SIGN_UP = """(who) => stage.session.signUp(who).then(() => "signed in", (error) => error.kind)"""


def steal(stage: Stage, page: Page) -> tuple[str, str]:
    """The name and value of the refresh cookie, as malware on the device would read it."""
    name = stage.names.refresh
    return name, next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == name)


def present(stage: Stage, card: tuple[str, str], **headers: str) -> tuple[int, str | None, dict[str, str]]:
    """The thief's refresh: status, Set-Cookie, body."""
    request = urllib.request.Request(f"{stage.direct_url}/auth/refresh", method="POST", data=b"")
    request.add_header("Cookie", f"{card[0]}={card[1]}")
    for name, value in (headers or {"Gatepass-Client": "1"}).items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["Set-Cookie"], json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers["Set-Cookie"], json.load(refused)


@pytest.mark.every_browser(over=["http", "https"])
def test_a_bound_session_outlives_reloads_and_refreshes_with_its_proof(
    stage: Stage, tab: Page, variant: Variant
) -> None:
    """Over https the browser's side of nginx is HTTP/2, and the cookies have their prefixes."""
    sign_up(tab)
    sid = tab.evaluate("stage.session.getSnapshot().sessionId")
    assert {stage.names.refresh, stage.names.state} == {cookie["name"] for cookie in tab.context.cookies()}
    assert tab.evaluate("stage.api.get('/auth/sessions').then(r => r.data.sessions.map(s => s.bound))") == ["key"]
    for _ in range(2):
        expire(tab)
        assert "jti" in ping(tab)
        tab.reload()
        resume(tab)
        assert "jti" in ping(tab)
    assert tab.evaluate("stage.session.getSnapshot().sessionId") == sid
    assert stage.proxy.count(REFRESH, status=200) == 4
    assert stage.proxy.count(REFRESH, status=403) == 0
    protocol = tab.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert protocol == {"http": "http/1.1", "https": "h2"}[variant.scheme]


def test_tabs_that_need_a_pass_at_once_refresh_in_turn(stage: Stage, profile: Profile, tab: Page) -> None:
    sign_up(tab)
    tabs = [tab, open_tab(stage, profile)]
    for each in tabs:
        expire(each)
    before = stage.proxy.count(REFRESH)
    for each in tabs:
        each.evaluate(
            "() => { stage.calls = Promise.all(Array.from({length: 10}, () => stage.api.get('/api/ping'))); }"
        )
    for each in tabs:
        assert each.evaluate("stage.calls.then(all => all.every(r => r.status === 200))")
    assert stage.proxy.count(REFRESH) - before == 1
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_signing_out_in_one_tab_ends_all(stage: Stage, profile: Profile, tab: Page) -> None:
    sign_up(tab)
    others = [open_tab(stage, profile) for _ in range(2)]
    tab.evaluate("stage.session.signOut().then(() => null)")
    for other in others:
        until(partial(lambda page: status(page) == "ended", other))
        assert other.evaluate("stage.ended.map(end => end.reason)") == ["signed-out"]
        assert "error" in ping(other)
    assert tab.context.cookies() == []


def test_a_script_cannot_take_the_binding_key_away(tab: Page) -> None:
    """DP-03. That it can use the key while it runs is in SECURITY.md, and shown here."""
    sign_up(tab)
    attempts = tab.evaluate(EXPORT)
    assert attempts.pop("sign") == 32, "the key was found"
    assert attempts == dict.fromkeys(("raw", "jwk", "pkcs8", "spki", "wrap"), False)


def test_a_thief_of_the_cookie_gets_nothing_and_the_owner_goes_on(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    sid, generation, challenge, _expiry = tab.evaluate(STATE_OF)[1].split(".")
    cards = [steal(stage, tab)]
    expire(tab)
    assert "jti" in ping(tab)
    cards.append(steal(stage, tab))
    forged = {"Gatepass-Proof": f"{generation}.{challenge}.{'t' * 22}", "Gatepass-Session": sid}
    for card in cards:
        for headers in ({}, forged):
            code, cookie, body = present(stage, card, **headers)
            assert (code, "access_token" in body) in ((403, False), (409, False))
            assert cookie is None or "gp_rt_" not in cookie
    expire(tab)
    assert "jti" in ping(tab)
    assert tab.evaluate("stage.ended") == []
    assert tab.evaluate("stage.session.getSnapshot().sessionId") == sid


def test_a_lost_answer_costs_nothing(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    stage.proxy.lose_answers(REFRESH)
    until(lambda: "jti" in ping(tab))
    assert status(tab) == "active"
    assert stage.proxy.count(REFRESH, status=401) == 0
    expire(tab)
    assert "jti" in ping(tab)


@pytest.mark.one_scheme
def test_a_sign_in_across_sites_holds_or_says_that_the_browser_keeps_no_cookie(
    site: str, profile: Profile, variant: Variant
) -> None:
    """Chromium takes `Partitioned`. This Firefox blocks all cookies of other sites, as a person can choose; WebKit by
    default. There no person is signed in for the life of one token, and out without a word."""
    page = profile.new_page()
    page.goto(site)
    resume(page)
    page.evaluate("() => { stage.warned = []; stage.session.on('warning', (event) => stage.warned.push(event.code)); }")
    outcome = page.evaluate(SIGN_UP, {"email": f"ann.{variant}@example.com", "password": PASSWORD})
    if variant.browser == "chromium":
        assert (outcome, status(page)) == ("signed in", "active")
    else:
        assert (outcome, status(page)) == ("cookies-blocked", "anonymous")
        until(lambda: page.evaluate("stage.warned") == ["cookies-blocked"])
    page.reload()
    resume(page)
    assert status(page) == ("active" if variant.browser == "chromium" else "anonymous")
