"""A thief copies the card: whoever comes second, the session ends, and the page learns why."""

import urllib.error
import urllib.request

from playwright.sync_api import BrowserContext, Page

from tests.system.browser.conftest import Stage, expire, open_tab, ping, sign_up, status
from tools.services.patience import until

KEY = "a" * 22
USED = "(token) => fetch('/api/ping', { headers: { Authorization: `Bearer ${token}` } }).then(r => r.status)"


def steal(page: Page) -> tuple[str, str]:
    """The name and value of the refresh cookie, as malware on the device would read it."""
    cookie = next(cookie for cookie in page.context.cookies() if cookie["httpOnly"])
    return cookie["name"], cookie["value"]


def present(stage: Stage, card: tuple[str, str], generation: int) -> tuple[int, str]:
    """The thief's refresh, with a key of his own: status and Set-Cookie."""
    request = urllib.request.Request(f"{stage.url}/auth/refresh", method="POST", data=b"")
    request.add_header("Cookie", f"{card[0]}={card[1]}")
    request.add_header("Idempotency-Key", f"{generation}.{KEY}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["Set-Cookie"]
    except urllib.error.HTTPError as refused:
        return refused.code, ""


def test_the_thief_comes_first_and_the_owner_ends_it(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    card = steal(tab)
    code, cookie = present(stage, card, 0)
    assert code == 200
    expire(tab)
    assert ping(tab)["error"] == "session-ended"
    assert tab.evaluate("stage.ended") == [{"reason": "reused", "sessionId": tab.evaluate("stage.ended[0].sessionId")}]
    assert status(tab) == "ended"
    successor = (card[0], cookie.split(";")[0].partition("=")[2])
    assert present(stage, successor, 1)[0] == 401


def test_the_owner_comes_first_and_the_thief_ends_it(stage: Stage, profile: BrowserContext) -> None:
    tab, other = open_tab(stage, profile), open_tab(stage, profile)
    sign_up(tab)
    card = steal(tab)
    expire(tab)
    assert "jti" in ping(tab)
    token = tab.evaluate("stage.session.token().then(t => t.value)")
    assert present(stage, card, 0)[0] == 401
    assert tab.evaluate(USED, token) == 401, "the pass is refused at once, the session has ended"
    expire(tab)
    assert ping(tab)["error"] == "session-ended"
    until(lambda: status(other) in ("ended", "anonymous"))
    assert tab.evaluate("stage.session.getSnapshot().reason") == "reused"
