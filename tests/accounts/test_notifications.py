"""The owner of an account is told by mail of a new password, a new device and a theft, without the network in it."""

from typing import Any

from gatepass.core.event import SessionNewDevice
from gatepass.core.policy import Policy
from gatepass.errors import StoreUnavailable
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness
from tests.support.mail import Post, post

ELSEWHERE = "198.51.100.7"
NEW = "A new sign-in to your account at "
THEFT = "A sign-in at "
COPY = "A copy of your sign-in at "


def open_post(**overrides: Any) -> Any:
    return post(**{"policy": Policy(registration="open"), **overrides})


async def told(at: Post) -> list[str]:
    """The subjects of all mail so far, which is all to the owner."""
    mails = await at.mails()
    assert {mail.to for mail in mails} <= {EMAIL}
    return [mail.subject for mail in mails]


async def signed_up(at: Post) -> Browser:
    browser = at.browser()
    assert (await browser.register()).status == 201
    return browser


def new_devices(at: GateHarness) -> list[SessionNewDevice]:
    return [event for event in at.events if isinstance(event, SessionNewDevice)]


async def test_a_sign_in_from_another_network_is_told_to_the_owner_and_to_listeners() -> None:
    async with open_post() as at:
        await signed_up(at)
        assert (await at.browser(address=ELSEWHERE).login()).status == 200
        (subject,) = await told(at)
        assert subject.startswith(NEW)
        (event,) = new_devices(at.at)
        assert (event.client, event.address) == ("Firefox on Linux", "198.51.100.0/24")
        (mail,) = await at.mails()
        assert "Firefox on Linux" in mail.text
        assert "198.51" not in mail.text


async def test_a_device_that_the_account_has_is_no_news() -> None:
    async with open_post() as at:
        await signed_up(at)
        assert (await at.browser().login()).status == 200
        assert await told(at) == []
        assert new_devices(at.at) == []


async def test_whoever_brings_a_cookie_of_the_account_is_no_news_in_another_network() -> None:
    async with open_post() as at:
        browser = await signed_up(at)
        browser.address = ELSEWHERE
        assert (await browser.login()).status == 200
        assert new_devices(at.at) == []


async def test_without_a_live_session_there_is_nothing_to_compare_with() -> None:
    async with open_post() as at:
        browser = await signed_up(at)
        await browser.logout()
        assert (await at.browser(address=ELSEWHERE).login()).status == 200
        assert new_devices(at.at) == []


async def test_a_cookie_of_somebody_else_makes_nobody_known() -> None:
    async with open_post() as at:
        await signed_up(at)
        other = at.browser(address=ELSEWHERE)
        assert (await other.register("eve@example.com")).status == 201
        assert (await other.login()).status == 200
        assert len(new_devices(at.at)) == 1


async def test_a_theft_of_an_unbound_session_is_told_to_the_owner() -> None:
    async with open_post() as at:
        browser = at.browser(key=None)
        assert (await browser.register()).status == 201
        thief = browser.clone(key=b"t" * 32)
        assert (await thief.refresh(binds=True)).status == 200
        assert (await browser.refresh()).status == 401
        (subject,) = await told(at)
        assert subject.startswith(THEFT)


async def test_a_copy_that_is_tried_with_a_wrong_proof_is_told_to_the_owner_once_an_hour() -> None:
    async with open_post() as at:
        browser = await signed_up(at)
        thief = browser.clone(key=b"t" * 32)
        assert [(await thief.refresh()).status for _ in range(3)] == [403] * 3
        (subject,) = await told(at)
        assert subject.startswith(COPY)
        other = at.browser()
        await other.login()
        assert (await other.clone(key=b"t" * 32).refresh()).status == 403
        assert len(await told(at)) == 1, "of the account, not of each session"
        at.at.clock.advance(3601)
        assert (await thief.refresh()).status == 403
        assert [each.startswith(COPY) for each in await told(at)] == [True, True]
        assert (await browser.refresh()).status == 200


async def test_a_server_that_forwards_the_cookie_alarms_no_owner() -> None:
    async with open_post() as at:
        browser = await signed_up(at)
        assert (await browser.clone().refresh()).status == 403
        assert await told(at) == []


async def test_each_kind_is_told_once_an_hour() -> None:
    async with open_post() as at:
        await signed_up(at)
        for number in range(4):
            assert (await at.browser(address=f"198.51.{100 + number}.7").login()).status == 200
        assert len(await told(at)) == 1
        assert len(new_devices(at.at)) == 4
        at.at.clock.advance(3601)
        assert (await at.browser(address="192.0.2.9").login()).status == 200
        assert len(await told(at)) == 2


async def test_they_can_be_switched_off_and_the_event_stays() -> None:
    async with open_post(security_mail=False) as at:
        await signed_up(at)
        assert (await at.browser(address=ELSEWHERE).login()).status == 200
        assert await told(at) == []
        assert len(new_devices(at.at)) == 1


async def test_a_store_that_cannot_say_refuses_the_sign_in_before_anything_has_happened() -> None:
    async with open_post() as at:
        await signed_up(at)
        started = at.at.store.verbs.count("add")

        async def break_down(verb: str) -> None:
            if verb == "list_for_account":
                raise StoreUnavailable

        at.at.store.before = break_down
        assert (await at.browser().login()).status == 503
        assert at.at.store.verbs.count("add") == started


async def test_a_changed_password_is_told_by_mail() -> None:
    async with open_post() as at:
        browser = await signed_up(at)
        body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
        assert (await at.ask("/password", body, browser=browser)).status == 200
        assert await at.subjects() == [(EMAIL, "Your password")]
