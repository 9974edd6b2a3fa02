"""The list of sessions, ending them, and what a password change does (LO-05 to LO-08)."""

import json
from dataclasses import replace

import pytest

from gatepass.core.policy import DAY
from gatepass.server.endpoints.session_list import MAX_LISTED
from tests.support.asgi import call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import NOW, GateHarness


class TestList:
    async def test_it_shows_each_device_newest_first_and_which_one_asks(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        at.clock.advance(60)
        await ann.refresh()
        answer = await ann.get("/sessions")
        assert answer.status == 200
        assert answer.json() == {
            "sessions": [
                {
                    "id": phone.sid,
                    "client": "Firefox on Linux",
                    "created_at": NOW + 60,
                    "last_used_at": NOW + 60,
                    "expires_at": NOW + 60 + 30 * DAY,
                    "address": "2001:db8:5::/48",
                    "remember": True,
                    "bound": "key",
                    "methods": ["pwd"],
                    "acr": None,
                    "authenticated_at": NOW + 60,
                    "current": False,
                },
                {
                    "id": ann.sid,
                    "client": "Firefox on Linux",
                    "created_at": NOW,
                    "last_used_at": NOW + 120,
                    "expires_at": NOW + 30 * DAY,
                    "address": "203.0.113.0/24",
                    "remember": True,
                    "bound": "key",
                    "methods": ["pwd"],
                    "acr": None,
                    "authenticated_at": NOW,
                    "current": True,
                },
            ]
        }

    async def test_it_holds_no_token_material(self, at: GateHarness, ann: Browser, phone: Browser) -> None:
        body = (await ann.get("/sessions")).body.decode()
        for row in at.memory.rows().values():
            assert row.fingerprint.hex() not in body
        assert "gp_rt_" not in body
        assert ann.access_token not in body

    async def test_ended_and_foreign_sessions_are_not_in_it(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        bob = Browser(at.gate.asgi)
        await bob.register("bob@example.com")
        await phone.logout()
        listed = (await ann.get("/sessions")).json()["sessions"]
        assert [row["id"] for row in listed] == [ann.sid]

    @pytest.mark.parametrize(
        ("agent", "label"), [("curl/8.5.0", "curl"), ("<b>\x1b[31m", "Unknown client"), ("é" * 3000, "Unknown client")]
    )
    async def test_a_device_is_named_in_our_own_words(self, at: GateHarness, agent: str, label: str) -> None:
        """Which words for whom: tests/wire/test_device.py."""
        browser = Browser(at.gate.asgi)
        body = json.dumps({"email": EMAIL, "password": PASSWORD, "remember": False}).encode()
        headers = [("gatepass-client", "1"), ("user-agent", agent), ("content-type", "application/json")]
        answer = await call(at.gate.asgi, "POST", "/register", headers=headers, body=body)
        browser.absorb(answer)
        (row,) = (await browser.get("/sessions")).json()["sessions"]
        assert (row["client"], row["remember"]) == (label, False)

    async def test_of_very_many_the_newest_are_shown_and_the_one_that_asks(self, at: GateHarness, ann: Browser) -> None:
        (first,) = at.memory.rows().values()
        for number in range(MAX_LISTED + 5):
            sid = number.to_bytes(16, "big")
            at.memory.rows()[sid] = replace(first, sid=sid, created_at=NOW + 1 + number)
        listed = (await ann.get("/sessions")).json()["sessions"]
        assert len(listed) == MAX_LISTED
        assert [row["created_at"] for row in listed[:-1]] == [NOW + MAX_LISTED + 5 - n for n in range(MAX_LISTED - 1)]
        assert (listed[-1]["id"], listed[-1]["current"]) == (ann.sid, True)


class TestEndOne:
    async def test_an_own_session_ends_at_once(self, at: GateHarness, ann: Browser, phone: Browser) -> None:
        answer = await ann.send("DELETE", f"/sessions/{phone.sid}", headers=[ann.bearer])
        assert (answer.status, answer.body, answer.cookies) == (204, b"", [])
        assert (await phone.get("/me")).status == 401
        assert (await phone.refresh()).json()["reason"] == "revoked"
        assert (await ann.get("/me")).status == 200

    async def test_it_is_idempotent(self, at: GateHarness, ann: Browser, phone: Browser) -> None:
        for _ in range(2):
            answer = await ann.send("DELETE", f"/sessions/{phone.sid}", headers=[ann.bearer])
            assert answer.status == 204

    async def test_a_foreign_session_is_not_found_and_lives_on(self, at: GateHarness, ann: Browser) -> None:
        bob = Browser(at.gate.asgi)
        await bob.register("bob@example.com")
        foreign = await bob.send("DELETE", f"/sessions/{ann.sid}", headers=[bob.bearer])
        unknown = await bob.send("DELETE", f"/sessions/{'0' * 32}", headers=[bob.bearer])
        assert foreign == unknown
        assert (foreign.status, foreign.code) == (404, "not-found")
        assert (await ann.get("/me")).status == 200
        assert (await ann.refresh()).status == 200

    async def test_one_can_end_the_session_one_is_in(self, at: GateHarness, ann: Browser) -> None:
        answer = await ann.send("DELETE", f"/sessions/{ann.sid}", headers=[ann.bearer])
        assert answer.status == 204
        assert (await ann.get("/me")).status == 401


async def test_logout_all_ends_every_session_of_the_account_and_no_other(
    at: GateHarness, ann: Browser, phone: Browser
) -> None:
    bob = Browser(at.gate.asgi)
    await bob.register("bob@example.com")
    answer = await phone.send("POST", "/logout-all", headers=[phone.bearer])
    assert (answer.status, answer.body) == (204, b"")
    for browser in (ann, phone):
        assert (await browser.get("/me")).status == 401
        assert (await browser.refresh()).json()["reason"] == "revoked"
    assert (await bob.get("/me")).status == 200
    assert (await ann.login()).status == 200


class TestLogoutOthers:
    async def test_every_session_of_the_account_ends_but_the_callers(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        bob, tablet = Browser(at.gate.asgi), Browser(at.gate.asgi)
        await bob.register("bob@example.com")
        await tablet.login()
        answer = await phone.send("POST", "/logout-others", headers=[phone.bearer])
        assert (answer.status, answer.body, answer.cookies) == (204, b"", [])
        for browser in (ann, tablet):
            assert (await browser.get("/me")).status == 401
            assert (await browser.refresh()).json()["reason"] == "revoked"
        for browser in (phone, bob):
            assert (await browser.get("/me")).status == (await browser.refresh()).status == 200
        assert [row["id"] for row in (await phone.get("/sessions")).json()["sessions"]] == [phone.sid]

    async def test_it_is_idempotent_and_each_end_is_told_once(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        for _ in range(2):
            assert (await phone.send("POST", "/logout-others", headers=[phone.bearer])).status == 204
        assert [event.sid for event in at.named("session_revoked")] == [ann.sid]  # type: ignore[attr-defined]

    async def test_the_bearer_token_decides_who_stays_and_not_the_cookie(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        assert (await phone.send("POST", "/logout-others", headers=[ann.bearer])).status == 204
        assert (await ann.get("/me")).status == 200
        assert (await phone.get("/me")).status == 401
