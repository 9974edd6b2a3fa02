"""What ends sessions: a sign-out, a new password, and a session whose row the store lost."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import InvalidToken, StoreUnavailable
from tests.core.token_forge import Issuer
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, Browser
from tests.support.gates import NOW, OTHER_SECRET, SECRET, GateHarness, open_gate

NEW = "eight green bottles on a wall"


async def change(browser: Browser, current: str = PASSWORD, new: str = NEW) -> int:
    body = {"current": current, "new": new}
    return (await browser.send("POST", "/password", headers=[browser.bearer], body=body)).status


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
        """The clock of this server, or the pace of its user, must not keep a session going."""
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
