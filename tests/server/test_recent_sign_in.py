"""RECENT_SIGN_IN: where it is set, ending one's other sessions needs a recent sign-in (LO-07, ASVS 7.5.2)."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import DAY, MINUTE, Policy
from tests.support.asgi import Answer
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate

RECENT = 10 * MINUTE


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate(policy=Policy(recent_sign_in=RECENT)) as at:
        yield at


@pytest.fixture
async def ann(at: GateHarness) -> Browser:
    """Ann's laptop."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    return browser


@pytest.fixture
async def phone(at: GateHarness, ann: Browser) -> Browser:
    """Her other device, signed in at the same time."""
    browser = Browser(at.gate.asgi)
    assert (await browser.login()).status == 200
    return browser


async def aged(at: GateHarness, browser: Browser, seconds: int) -> None:
    """Let time pass, and have an access token that holds: only the sign-in gets old."""
    at.clock.advance(seconds)
    assert (await browser.refresh()).status == 200


async def attempts(ann: Browser, phone: Browser) -> list[Answer]:
    """Everything that ends a session other than the caller's own."""
    asked = [("DELETE", f"/sessions/{phone.sid}"), ("POST", "/logout-others"), ("POST", "/logout-all")]
    return [await ann.send(method, path, headers=[ann.bearer]) for method, path in asked]


async def test_after_an_old_sign_in_others_are_not_ended_and_the_answer_says_what_to_do(
    at: GateHarness, ann: Browser, phone: Browser
) -> None:
    await aged(at, ann, RECENT + 1)
    for answer in await attempts(ann, phone):
        assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
        assert answer.one("www-authenticate") == f'Bearer error="insufficient_user_authentication", max_age="{RECENT}"'
        assert answer.json()["max_age"] == RECENT
        assert answer.cookies == []
    assert (await phone.refresh()).status == (await ann.refresh()).status == 200
    assert at.named("session_revoked") == []


async def test_to_the_second_it_is_recent_enough(at: GateHarness, ann: Browser, phone: Browser) -> None:
    await aged(at, ann, RECENT)
    assert [answer.status for answer in await attempts(ann, phone)] == [204, 204, 204]


async def test_whether_a_session_is_there_is_not_told_either(at: GateHarness, ann: Browser) -> None:
    await aged(at, ann, RECENT + 1)
    unknown = await ann.send("DELETE", f"/sessions/{'0' * 32}", headers=[ann.bearer])
    assert unknown.code == "insufficient-user-authentication"


async def test_a_new_sign_in_is_what_helps_and_it_is_throttled_like_every_other(
    at: GateHarness, ann: Browser, phone: Browser
) -> None:
    await aged(at, ann, RECENT + 1)
    assert [(await ann.login(password="wrong wrong wrong")).status for _ in range(6)] == [401] * 5 + [429]
    at.clock.advance(DAY)
    assert (await ann.login()).status == 200
    assert [answer.status for answer in await attempts(ann, phone)] == [204, 204, 204]


async def test_ones_own_session_ends_however_old_its_sign_in_is(at: GateHarness, ann: Browser, phone: Browser) -> None:
    await aged(at, ann, RECENT + 1)
    assert (await ann.send("DELETE", f"/sessions/{ann.sid}", headers=[ann.bearer])).status == 204
    assert (await ann.get("/me")).status == 401
    assert (await phone.refresh()).status == 200
    assert (await phone.logout(headers=[phone.bearer])).status == 204


async def test_looking_needs_none(at: GateHarness, ann: Browser, phone: Browser) -> None:
    await aged(at, ann, RECENT + 1)
    assert len((await ann.get("/sessions")).json()["sessions"]) == 2


async def test_by_default_no_sign_in_is_too_old() -> None:
    async with open_gate() as at:
        ann, phone = Browser(at.gate.asgi), Browser(at.gate.asgi)
        await ann.register()
        await phone.login()
        for _ in range(5):
            await aged(at, ann, 5 * DAY)
        assert [answer.status for answer in await attempts(ann, phone)] == [204, 204, 204]
