"""What an attacker gets (the table of SECURITY.md), where no other file shows a cell of it."""

from dataclasses import replace

import pytest

from gatepass.core.binding import binding_of
from gatepass.core.device_challenge import COOKIE_TTL
from gatepass.core.session import NO_BINDING, Session
from gatepass.wire.browsers import Browsers
from tests.support.browser import Browser
from tests.support.device import DeviceBrowser
from tests.support.gates import GateHarness, open_gate

THIEF_KEY = b"t" * 32


def write(at: GateHarness, browser: Browser, **members: object) -> Session:
    """Change the row of a session as a writer of the database can."""
    rows = at.memory._sessions
    sid = bytes.fromhex(browser.sid)
    rows[sid] = replace(rows[sid], **members)  # type: ignore[arg-type]
    return rows[sid]


@pytest.mark.parametrize("binding", [NO_BINDING, binding_of(THIEF_KEY)])
async def test_a_writer_of_the_database_cannot_make_a_stolen_cookie_count(
    at: GateHarness, ann: Browser, binding: bytes
) -> None:
    """The refresh token says itself to which key it is bound, under the MAC; the row is not asked before the proof."""
    await ann.refresh()
    row = write(at, ann, binding=binding)
    for key in (None, THIEF_KEY):
        answer = await ann.clone(key=key).refresh()
        assert (answer.status, answer.cookies) == (403, [])
    assert at.memory.rows()[row.sid] == row


async def test_a_writer_of_the_database_can_take_a_device_away_and_then_needs_the_profile() -> None:
    async with open_gate(browsers=Browsers(device_bound="allow")) as at:
        ann = DeviceBrowser(at.gate.asgi)
        await ann.register()
        ann.expire_device_cookie()
        await ann.refresh()
        ann.expire_device_cookie()
        profile, cookie = ann.copy(), ann.clone()
        write(at, ann, device_key=None, device_since=None)
        assert (await cookie.refresh()).status == 403
        assert (await profile.refresh()).status == 200


async def test_a_recorded_request_of_a_device_holds_no_longer_than_the_cookie_in_it() -> None:
    async with open_gate(browsers=Browsers(device_bound="allow")) as at:
        ann = DeviceBrowser(at.gate.asgi)
        await ann.register()
        ann.expire_device_cookie()
        await ann.refresh()
        recorded, jar = ann.refresh_headers(), dict(ann.jar)
        await ann.refresh()
        thief = ann.clone()
        statuses = []
        for wait in (0, 11, COOKIE_TTL):
            at.clock.advance(wait)
            thief.jar = dict(jar)
            answer = await thief.send("POST", "/refresh", headers=recorded, lose=True)
            statuses.append((answer.status, "access_token" in answer.json()))
        assert statuses == [(200, True), (409, False), (403, False)]
        ann.expire_device_cookie()
        assert (await ann.refresh()).status == 200


async def test_a_script_in_the_page_of_an_unbound_session_cannot_refresh_from_elsewhere(at: GateHarness) -> None:
    """It may bind the session to a key of its own, and then lacks the cookie, which no script reads."""
    bea = Browser(at.gate.asgi, key=None)
    await bea.register()
    script = bea.clone(key=THIEF_KEY)
    script.jar = {name: value for name, value in script.jar.items() if not value.startswith("gp_rt_")}
    answer = await script.refresh()
    assert (answer.status, answer.code) == (401, "no-session")
    assert (await bea.refresh()).status == 200
