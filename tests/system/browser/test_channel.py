"""The channel of the tabs: who hears a token that is shared, and who does not (CC-09, MT-02, ASVS 3.5.5)."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.system.browser.conftest import Stage, expire, open_tab, ping, sign_up, until_page

pytestmark = pytest.mark.chromium_only("windows that a page opens")

LISTEN = """(name) => {
  window.heard = [];
  addEventListener("message", ({ data }) => heard.push(data));
  window.channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => heard.push(data);
}"""
OPEN = "(url) => new Promise((done) => { window.opened = window.open(url); setTimeout(done, 0); })"
FRAME = """(url) => new Promise((done) => {
  const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
  document.body.append(frame);
})"""
FORGE = """(message) => {
  channel.postMessage(message);
  for (const target of [opened, frames[0], parent]) target?.postMessage(message, "*");
}"""


def channel_of(stage: Stage) -> str:
    return f"gatepass:{stage.url}/auth"


def forged(page: Page) -> dict[str, object]:
    """A message as a tab sends it, with a token that no server made."""
    sid, now = page.evaluate("[stage.session.getSnapshot().sessionId, Date.now()]")
    return {"sid": sid, "generation": 9, "token": "forged", "left": 9e5, "lifetime": 9e5, "at": now, "account": None}


def elsewhere(stage: Stage, profile: BrowserContext) -> Page:
    """A page of another origin in the same browser, which opens and frames ours and listens to all that it can."""
    page = profile.new_page()
    page.goto(stage.url.replace("localhost", "127.0.0.1"))
    page.evaluate(LISTEN, channel_of(stage))
    return page


def test_a_page_of_another_origin_hears_no_token_and_is_not_heard(stage: Stage, profile: BrowserContext) -> None:
    evil = elsewhere(stage, profile)
    sibling = open_tab(stage, profile)
    sibling.evaluate(LISTEN, channel_of(stage))
    with profile.expect_page() as opened:
        evil.evaluate(OPEN, stage.url)
    evil.evaluate(FRAME, stage.url)
    ours = opened.value
    until_page(ours, "window.stage")
    sign_up(ours)
    expire(ours)
    assert "jti" in ping(ours)
    until_page(sibling, "heard.filter(({ token }) => token).length >= 2")
    assert evil.evaluate("heard") == []
    before = ours.evaluate("stage.session.token().then(t => t.value)")
    for message in (forged(ours), {"sid": forged(ours)["sid"], "reason": "revoked"}):
        evil.evaluate(FORGE, message)
    ours.evaluate("new Promise((done) => setTimeout(done, 0))")
    assert ours.evaluate("stage.session.token().then(t => t.value)") == before
    assert "jti" in ping(ours)


def test_a_script_of_the_origin_itself_hears_and_is_heard(stage: Stage, profile: BrowserContext, tab: Page) -> None:
    """Said in SECURITY.md: a browser gives one origin one channel. The next refusal of the token mends it."""
    sign_up(tab)
    script = open_tab(stage, profile)
    script.evaluate(LISTEN, channel_of(stage))
    script.evaluate("(message) => channel.postMessage(message)", forged(tab))
    until_page(tab, "stage.session.getSnapshot().expiresAt > performance.now() + 8.9e5")
    tab.evaluate("skip(6_000)")
    assert "jti" in ping(tab), "refused by the guard, refreshed, sent again"
