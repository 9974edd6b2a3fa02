"""The list of sessions, ending them, and what a password change does (LO-05 to LO-08)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import InvalidToken, StoreUnavailable
from gatepass.server.endpoints.session_list import MAX_LISTED
from tests.core.token_forge import Issuer
from tests.support.asgi import call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, Browser
from tests.support.gates import NOW, OTHER_SECRET, SECRET, GateHarness, open_gate

NEW = "eight green bottles on a wall"


async def change(browser: Browser, current: str = PASSWORD, new: str = NEW) -> int:
    body = {"current": current, "new": new}
    return (await browser.send("POST", "/password", headers=[browser.bearer], body=body)).status


@pytest.fixture
async def phone(at: GateHarness, ann: Browser) -> Browser:
    """Ann's second device, signed in later."""
    at.clock.advance(60)
    browser = Browser(at.gate.asgi, address="2001:db8:5::9")
    assert (await browser.login()).status == 200
    return browser


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


class TestPassword:
    async def test_it_ends_every_session_raises_the_version_and_begins_one(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        assert await change(ann) == 200
        assert (await phone.get("/me")).status == 401
        assert (await phone.refresh()).json()["reason"] == "revoked"
        assert (await ann.get("/me")).status == (await ann.refresh()).status == 200
        (account,) = at.memory._accounts.values()
        assert account.credential_version == 2
        assert (await Browser(at.gate.asgi).login(EMAIL, NEW)).status == 200
        assert (await Browser(at.gate.asgi).login(EMAIL, PASSWORD)).status == 401

    async def test_a_wrong_current_one_is_a_403_and_changes_nothing(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        """Not a 401: the pass is fine, and no client must answer this with a refresh."""
        body = {"current": "wrong wrong wrong", "new": NEW}
        answer = await ann.send("POST", "/password", headers=[ann.bearer], body=body)
        assert (answer.status, answer.code) == (403, "invalid-credentials")
        assert answer.get("www-authenticate") is None
        assert (await phone.get("/me")).status == 200

    async def test_guesses_of_the_current_one_are_throttled(self, at: GateHarness, ann: Browser) -> None:
        """Five of this session's own: others' guesses must not keep its owner from it."""
        await Browser(at.gate.asgi).login(EMAIL, "wrong wrong wrong")
        statuses = [await change(ann, current="wrong wrong wrong") for _ in range(6)]
        assert statuses == [403] * 5 + [429]

    @pytest.mark.parametrize("new", ["short", "a" * 20, "gatepassgatepass", "x" * 200, EMAIL])
    async def test_a_new_one_that_does_not_do_is_a_422_and_changes_nothing(
        self, at: GateHarness, ann: Browser, phone: Browser, new: str
    ) -> None:
        assert await change(ann, new=new) == 422
        assert (await phone.get("/me")).status == 200
        assert (await Browser(at.gate.asgi).login()).status == 200

    async def test_of_two_changes_at_once_one_wins(self, at: GateHarness, ann: Browser, phone: Browser) -> None:
        async def interfere(verb: str) -> None:
            if verb == "change_password":
                at.store.before = None
                assert await change(phone, new="nine green bottles on a wall") == 200

        at.store.before = interfere
        answer = await ann.send("POST", "/password", headers=[ann.bearer], body={"current": PASSWORD, "new": NEW})
        assert (answer.status, answer.code) == (409, "password-changed")
        assert (await Browser(at.gate.asgi).login(EMAIL, NEW)).status == 401

    @pytest.mark.parametrize("body", [{}, {"current": PASSWORD}, {"new": NEW}, {"current": 1, "new": []}])
    async def test_both_members_are_needed(self, at: GateHarness, ann: Browser, body: dict[str, object]) -> None:
        answer = await ann.send("POST", "/password", headers=[ann.bearer], body=body)
        assert (answer.status, answer.code) == (422, "invalid-body")


class TestLostRow:
    """The store has lost the session, in a fail-over or by a restore: its end is told to all guards all the same."""

    @pytest.fixture
    async def other(self, at: GateHarness, ann: Browser) -> AsyncIterator[GateHarness]:
        """Another process on the same store, which lets Ann in."""
        async with open_gate(store=at.store, clock=at.clock) as other:
            at.memory.rows().clear()
            assert not await self.is_refused_by(other, ann)
            yield other

    async def is_refused_by(self, other: GateHarness, ann: Browser) -> bool:
        await other.gate._parts.follower.load()
        try:
            other.gate.check.principal([ann.bearer[1]])
        except InvalidToken:
            return True
        return False

    async def test_a_sign_out_by_cookie(self, at: GateHarness, ann: Browser, other: GateHarness) -> None:
        assert (await ann.logout()).status == 204
        assert await self.is_refused_by(other, ann)

    async def test_a_sign_out_by_bearer(self, at: GateHarness, ann: Browser, other: GateHarness) -> None:
        ann.jar.clear()
        assert (await ann.logout(headers=[ann.bearer])).status == 204
        with pytest.raises(InvalidToken):
            at.gate.check.principal([ann.bearer[1]])
        assert await self.is_refused_by(other, ann)

    async def test_a_refresh_that_is_unknown(self, at: GateHarness, ann: Browser, other: GateHarness) -> None:
        assert (await ann.refresh()).json()["reason"] == "unknown"
        assert await self.is_refused_by(other, ann)

    async def test_a_sign_in_that_replaces_it(self, at: GateHarness, ann: Browser, other: GateHarness) -> None:
        old = ann.clone()
        before = old.sid
        assert (await ann.login()).status == 200
        await other.gate._parts.follower.load()
        assert [sid for _, sid in other.gate.revocations.after(0)] == [before]

    @pytest.mark.parametrize("path", ["/logout-all", "/sessions/{sid}"])
    async def test_an_end_by_its_own_access_token(
        self, at: GateHarness, ann: Browser, other: GateHarness, path: str
    ) -> None:
        method = "DELETE" if "{" in path else "POST"
        answer = await ann.send(method, path.replace("{sid}", ann.sid), headers=[ann.bearer])
        assert answer.status == 204
        assert await self.is_refused_by(other, ann)

    async def test_a_store_that_cannot_record_it_is_a_503(self, at: GateHarness, ann: Browser) -> None:
        async def fail(verb: str) -> None:
            if verb == "bury":
                raise StoreUnavailable

        at.memory.rows().clear()
        at.store.before = fail
        for answer in (await ann.clone().logout(), await ann.refresh()):
            assert (answer.status, answer.code) == (503, "store-unavailable")


class TestLogout:
    async def test_it_is_idempotent_and_needs_no_session(self, at: GateHarness, ann: Browser) -> None:
        kept = ann.clone(key=ann.key)
        for browser in (ann, ann, kept, Browser(at.gate.asgi)):
            answer = await browser.logout()
            assert (answer.status, answer.body) == (204, b"")
            assert [cookie.is_deletion for cookie in answer.cookies] == [True, True]
        assert len(at.named("session_revoked")) == 1

    async def test_an_ancestor_will_do(self, at: GateHarness, ann: Browser) -> None:
        old = ann.clone(key=ann.key)
        for _ in range(20):
            await ann.refresh()
        assert (await old.logout()).status == 204
        assert (await ann.refresh()).json()["reason"] == "revoked"
        assert not at.named("authn_token_reuse")

    async def test_an_expired_token_will_do(self, at: GateHarness, ann: Browser) -> None:
        old = ann.clone(key=ann.key)
        at.clock.advance(6 * DAY)
        await ann.refresh()
        at.clock.advance(2 * DAY)
        assert (await old.refresh()).json()["reason"] == "expired"
        assert (await old.logout()).status == 204
        assert (await ann.refresh()).json()["reason"] == "revoked"

    async def test_a_bearer_token_alone_will_do(self, at: GateHarness, ann: Browser) -> None:
        ann.jar.clear()
        answer = await ann.logout(headers=[ann.bearer])
        assert answer.status == 204
        assert (await ann.get("/me")).status == 401

    @pytest.mark.parametrize("seconds", [906, DAY, -6, -960])
    async def test_a_bearer_token_that_has_expired_or_is_of_the_future_will_do(
        self, at: GateHarness, ann: Browser, seconds: int
    ) -> None:
        """The clock of this server, or the pace of its user, must not keep anybody signed in."""
        phone = ann.clone(key=ann.key)
        ann.jar.clear()
        at.clock.advance(seconds)
        assert (await ann.logout(headers=[ann.bearer])).status == 204
        at.clock.advance(-seconds)
        assert (await ann.get("/me")).status == 401
        assert (await phone.refresh()).json()["reason"] == "revoked"

    @pytest.mark.parametrize("change", [{"iss": "https://other.example"}, {"aud": "https://api.example"}, {"sid": 5}])
    async def test_a_bearer_token_for_others_ends_nothing_and_is_told_so(
        self, at: GateHarness, ann: Browser, change: dict[str, object]
    ) -> None:
        forge = Issuer(at.gate.keys.current[0], ORIGIN, ORIGIN, NOW, 5)
        for token in (forge.token(**{"sid": ann.sid, **change}), forge.token(sid=ann.sid)[:-4] + "AAAA", "x"):
            answer = await Browser(at.gate.asgi).logout(headers=[("authorization", f"Bearer {token}")])
            assert (answer.status, answer.code) == (401, "invalid-token")
        assert at.store.verbs == []
        assert (await ann.refresh()).status == 200
        ann_s = ann.clone(key=ann.key)
        assert (await ann_s.logout(headers=[("authorization", "Bearer x")])).status == 204, "the cookie is enough"
        assert (await ann.refresh()).json()["reason"] == "revoked"

    async def test_a_cookie_under_an_unknown_key_does_not_stand_in_the_way_of_a_bearer_token(
        self, at: GateHarness, ann: Browser
    ) -> None:
        async with open_gate(secrets=[OTHER_SECRET, SECRET], store=at.store) as rolled:
            other = Browser(rolled.gate.asgi)
            await other.login()
        ann.jar = dict(other.jar)
        assert (await ann.logout()).code == "unknown-key"
        assert (await ann.logout(headers=[ann.bearer])).status == 204
        assert (await ann.get("/me")).status == 401

    async def test_cookie_and_bearer_of_two_sessions_end_both(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        assert (await ann.logout(headers=[phone.bearer])).status == 204
        assert (await ann.get("/me")).status == (await phone.get("/me")).status == 401

    @pytest.mark.parametrize("value", ["x", "gp_rt_" + "A" * 128, ""])
    async def test_garbage_is_cleared_and_ends_nobody(self, at: GateHarness, ann: Browser, value: str) -> None:
        stranger = Browser(at.gate.asgi)
        stranger.jar = {RT: value}
        stranger.access_token = value
        assert (await stranger.logout(headers=[stranger.bearer])).status == 204
        assert at.store.verbs == []
        assert (await ann.refresh()).status == 200

    async def test_of_a_session_that_is_not_the_cookies_it_is_a_mismatch_and_nothing_changes(
        self, at: GateHarness, ann: Browser, phone: Browser
    ) -> None:
        answer = await phone.logout(headers=[("gatepass-session", ann.sid)])
        assert (answer.status, answer.code, answer.cookies) == (409, "session-mismatch", [])
        assert (await ann.refresh()).status == (await phone.refresh()).status == 200

    async def test_of_the_cookies_own_session_it_goes_through(self, at: GateHarness, ann: Browser) -> None:
        assert (await ann.logout(headers=[("gatepass-session", ann.sid)])).status == 204

    async def test_it_leaves_the_other_devices_alone(self, at: GateHarness, ann: Browser, phone: Browser) -> None:
        await phone.logout()
        assert (await ann.refresh()).status == 200
