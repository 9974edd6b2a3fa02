"""The door in each framework: a session for whom the application has authenticated, and no cookies that are lost."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gatepass.core.event import CookiesLost
from gatepass.wire.asgi import ASGIApp
from tests.guards import sign_in_apps
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, RT, STATE, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tools.services.patience import becomes


@dataclass
class Door:
    """A started application, an account, and the browser of its owner, who is not signed in there."""

    at: GateHarness
    app: ASGIApp
    account_id: str

    def browser(self) -> Browser:
        return Browser(self.app, key=None)

    async def sign(self, browser: Browser, kind: str) -> Answer:
        # As a link that is followed: no Origin, no header of ours.
        mount, browser.mount = browser.mount, ""
        try:
            return await browser.navigate(f"/sign/{kind}", query=f"account={self.account_id}".encode())
        finally:
            browser.mount = mount

    def lost(self) -> list[CookiesLost]:
        return [event for event in self.at.events if isinstance(event, CookiesLost)]


@pytest.fixture(params=sorted(sign_in_apps.ALL))
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    at = GateHarness()
    async with started(sign_in_apps.ALL[request.param](at.gate)) as app:
        ann = Browser(app, mount="/auth")
        made = await ann.register()
        assert made.status == 201
        await ann.logout()
        at.events.clear()
        yield Door(at, app, made.json()["account"]["id"])


async def test_a_redirect_brings_both_cookies_and_the_page_binds_at_its_first_refresh(door: Door) -> None:
    browser = door.browser()
    answer = await door.sign(browser, "in")
    assert answer.status in (302, 303)
    assert (answer.one("location"), answer.one("cache-control")) == ("/done", "no-store")
    assert [cookie.name for cookie in answer.cookies] == [RT, STATE], "each in a header of its own"
    assert answer.cookie(RT).marks.keys() >= {"HttpOnly", "Secure", "Path", "SameSite", "Max-Age"}
    browser.mount, browser.key = "/auth", b"k" * 32
    assert (await browser.refresh(binds=True)).status == 200
    assert (await browser.refresh()).status == 200
    (session,) = (await browser.get("/sessions")).json()["sessions"]
    assert (session["bound"], session["methods"], session["client"]) == ("key", ["fed"], "Firefox on Linux")
    assert session["address"] == "203.0.113.0/24"
    assert door.lost() == []


async def test_the_page_of_another_host_is_told_to_ask_for_its_session(door: Door) -> None:
    answer = await door.sign(door.browser(), "away")
    assert answer.one("location") == "https://app.example.org/done?a=1&gatepass_signed_in=gate.example#b"
    assert [cookie.name for cookie in answer.cookies] == [RT, STATE]
    assert door.lost() == []


async def test_the_grant_is_the_body_of_a_sign_in(door: Door) -> None:
    browser = door.browser()
    answer = await door.sign(browser, "json")
    grant = answer.json()
    assert grant["account"]["email"] == EMAIL
    assert grant["session_id"] == browser.sid
    browser.access_token = grant["access_token"]
    browser.mount = "/auth"
    assert grant["account"].items() <= (await browser.get("/me")).json().items()
    assert door.lost() == []


async def test_a_session_whose_cookie_came_along_is_replaced_behind_the_guard_too(door: Door) -> None:
    browser = door.browser()
    await door.sign(browser, "in")
    first = browser.sid
    await door.sign(browser, "in")
    assert browser.sid != first, "no fixation: the session is a new one"
    ended = [event for event in door.at.named("session_revoked") if event.sid == first]  # type: ignore[attr-defined]
    assert [event.reason for event in ended] == ["replaced"]  # type: ignore[attr-defined]
    assert door.at.named("session_new_device") == []


@pytest.mark.parametrize(
    ("kind", "word"), [("thrown", "Another response"), ("none", "Return signed_in.onto"), ("fails", "Another")]
)
async def test_cookies_on_a_response_that_was_not_sent_are_told_once(door: Door, kind: str, word: str) -> None:
    browser = door.browser()
    try:
        answer = await door.sign(browser, kind)
    except LookupError:  # what no framework answers, its server does
        assert kind == "fails"
    else:
        assert answer.cookies == []
    await becomes(door.lost, "the event")
    (event,) = door.lost()
    assert (event.account_id, event.level, event.address) == (door.account_id, "warning", "203.0.113.0/24")
    assert event.fix.startswith(word)
