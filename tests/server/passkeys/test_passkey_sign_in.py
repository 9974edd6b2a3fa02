"""A sign-in with a passkey, without a name: what begins a session, and everything that is refused."""

from typing import Any

import pytest

from gatepass.core import base64url
from gatepass.core.event import SessionRevoked
from gatepass.core.passkey_challenge import CHALLENGE_TTL
from gatepass.core.rate import Rate
from gatepass.server.limits import Limits
from gatepass.testing.soft_token import PRESENT, Lie, SoftToken
from tests.support.browser import EMAIL, ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.passkeys import (
    OPTIONAL,
    OPTIONS,
    POLICY,
    add,
    ann_of,
    enter,
    options_of,
    principal_of,
    reasons,
    remove,
    with_passkey,
)


class TestSigningIn:
    async def test_no_name_is_needed_and_it_is_two_factors(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        phone = Browser(at.gate.asgi)
        answer = await enter(phone, token)
        assert answer.status == 200
        assert answer.json()["account"]["email"] == EMAIL
        principal = principal_of(at, phone)
        assert (principal.methods, principal.acr) == (("hwk", "user", "mfa"), "mfa")
        assert (await phone.refresh()).status == 200
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert listed["last_used_at"] == at.clock.now()

    async def test_a_synced_passkey_is_a_key_in_software(self, at: GateHarness) -> None:
        token = SoftToken(is_synced=True)
        await with_passkey(at, token)
        phone = Browser(at.gate.asgi)
        for _ in range(2):  # it has no counter
            assert (await enter(phone, token)).status == 200
        assert principal_of(at, phone).methods == ("swk", "user", "mfa")

    async def test_the_options_are_the_same_for_everybody(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        for browser in (ann, Browser(at.gate.asgi)):
            options = await options_of(browser)
            assert set(options) == {"challenge", "timeout", "rpId", "allowCredentials", "userVerification"}
            assert (options["rpId"], options["allowCredentials"]) == ("gate.example", [])

    async def test_two_devices_of_one_account_both_sign_in(self, at: GateHarness) -> None:
        phone, key = SoftToken(is_synced=True), SoftToken()
        ann = await with_passkey(at, phone)
        assert (await add(ann, key)).status == 201
        for token in (phone, key, phone, key):
            assert (await enter(Browser(at.gate.asgi), token)).status == 200

    async def test_tabs_do_not_take_each_others_challenges(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        browser = Browser(at.gate.asgi)
        first, second = await options_of(browser), await options_of(browser)
        for options in (first, second):
            response = token.get(options, origin=ORIGIN)
            assert (await browser.enter("/login/passkey", response=response)).status == 200

    async def test_an_answer_counts_once_and_for_five_minutes(self, at: GateHarness) -> None:
        token = SoftToken(is_synced=True)
        await with_passkey(at, token)
        browser, thief = Browser(at.gate.asgi), Browser(at.gate.asgi, key=b"t" * 32)
        response = token.get(await options_of(browser), origin=ORIGIN)
        assert (await browser.enter("/login/passkey", response=response)).status == 200
        assert (await thief.enter("/login/passkey", response=response)).code == "challenge-expired"
        late = token.get(await options_of(browser), origin=ORIGIN)
        at.clock.advance(CHALLENGE_TTL)
        assert (await browser.enter("/login/passkey", response=late)).code == "challenge-expired"

    async def test_a_challenge_that_the_gate_did_not_make_counts_never(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        to_add = await options_of(ann, "/passkeys/options")
        for challenge in (base64url.encode(b"c" * 42), base64url.encode(b""), to_add["challenge"]):
            answer = await enter(Browser(at.gate.asgi), token, lie=Lie(challenge=challenge or "AA"))
            assert answer.code == "challenge-expired"

    async def test_every_refusal_is_one_answer_and_the_event_says_why(self, at: GateHarness) -> None:
        token, other = SoftToken(), SoftToken()
        await with_passkey(at, token)
        bob = await with_passkey(at, other, "bob@example.com")
        lies = [Lie(type="webauthn.create"), Lie(rp_id="evil.example"), Lie(flags=PRESENT), Lie(flags=4)]
        lies += [Lie(cross_origin=True), Lie(user_handle=other.credentials[0].user_handle), Lie(sign_count=1)]
        answers = [await enter(Browser(at.gate.asgi), token, lie=lie) for lie in lies]
        options = await options_of(Browser(at.gate.asgi))
        elsewhere = token.get(options, origin="https://www.gate.example")
        mixed = token.get(options, origin=ORIGIN)
        mixed["response"]["signature"] = other.get(options, origin=ORIGIN)["response"]["signature"]
        sent: tuple[dict[str, Any], ...] = (elsewhere, mixed, {}, {"rawId": 7, "type": "public-key", "response": {}})
        answers += [await Browser(at.gate.asgi).enter("/login/passkey", response=each) for each in sent]
        principal = principal_of(at, bob)
        await at.gate.accounts.disable(principal.account_id)
        answers.append(await enter(Browser(at.gate.asgi), other))
        assert {(answer.status, answer.code, answer.body) for answer in answers} == {
            (401, "passkey-refused", answers[0].body)
        }
        head = [(name, value) for name, value in answers[0].headers]
        assert all([*answer.headers] == head for answer in answers)
        assert reasons(at) == [
            *("type", "rp-id", "verification", "presence", "frame", "account", "copy"),
            *("origin", "signature", "malformed", "malformed", "account"),
        ]

    async def test_a_copy_of_a_device_is_found_by_the_counter_and_refused(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        clone = token.copied()
        assert (await enter(Browser(at.gate.asgi), token)).status == 200
        assert (await enter(Browser(at.gate.asgi), clone)).code == "passkey-refused"
        assert reasons(at) == ["copy"]
        assert (await enter(Browser(at.gate.asgi), token)).status == 200, "its owner is not locked out"

    async def test_a_counter_does_not_go_back_to_zero(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        assert (await enter(Browser(at.gate.asgi), token, lie=Lie(sign_count=0))).code == "passkey-refused"

    async def test_a_deleted_passkey_is_unknown_so_that_the_browser_can_forget_it(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        response = token.get(await options_of(ann), origin=ORIGIN)
        assert await remove(ann, listed["id"]) == (204, None)
        answer = await Browser(at.gate.asgi).enter("/login/passkey", response=response)
        assert (answer.status, answer.code) == (401, "unknown-credential")
        stranger = await enter(Browser(at.gate.asgi), SoftToken(), chosen=token.copied().credentials[0])
        assert stranger.body == answer.body
        assert reasons(at) == ["unknown", "unknown"]

    async def test_one_that_is_deleted_while_it_signs_in_begins_no_session(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        for verb in ("use_passkey", "add"):

            async def delete(found: str, verb: str = verb, passkey_id: str = listed["id"]) -> None:
                if found == verb:
                    at.store.before = None
                    assert await remove(ann, passkey_id) == (204, None)

            at.store.before = delete
            answer = await enter(Browser(at.gate.asgi), token)
            assert answer.status == 401
            assert answer.code == ("unknown-credential" if verb == "use_passkey" else "passkey-refused")
            assert (await add(ann, token)).status == 201
            assert (await enter(ann, token)).status == 200
            (listed,) = (await ann.get("/passkeys")).json()["passkeys"]

    async def test_of_two_answers_with_one_challenge_one_counts(self, at: GateHarness) -> None:
        token = SoftToken(is_synced=True)
        await with_passkey(at, token)
        options = await options_of(Browser(at.gate.asgi))
        responses = [token.get(options, origin=ORIGIN) for _ in range(2)]
        answers = [await Browser(at.gate.asgi).enter("/login/passkey", response=each) for each in responses]
        assert [answer.status for answer in answers] == [200, 400]

    async def test_pages_elsewhere_cannot_cause_one(self, at: GateHarness) -> None:
        for path in ("/login/passkey", "/login/passkey/options"):
            bare = await Browser(at.gate.asgi, origin="https://evil.example").send("POST", path, body={})
            assert bare.code == "cross-site"

    async def test_a_flood_of_one_network_waits(self) -> None:
        async with open_gate(passkeys=OPTIONS, policy=POLICY, limits=Limits(passkey_rate=Rate(2, 60))) as at:
            browser = Browser(at.gate.asgi)
            for _ in range(2):
                await options_of(browser)
            assert (await browser.ask("/login/passkey/options")).code == "too-many-attempts"
            assert (await browser.ask("/login/passkey", response={})).code == "too-many-attempts"
            elsewhere = Browser(at.gate.asgi, address="198.51.100.9")
            assert (await elsewhere.ask("/login/passkey/options")).status == 200

    async def test_a_password_that_strangers_have_stopped_stops_no_passkey(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        for number in range(30):
            await Browser(at.gate.asgi, address=f"198.51.{number}.1").login(password="a wrong password, long enough")
        assert (await Browser(at.gate.asgi, address="192.0.2.5").login()).code == "too-many-attempts"
        assert (await enter(Browser(at.gate.asgi), token)).status == 200

    async def test_the_sessions_whose_cookies_came_are_replaced(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        before = ann.sid
        assert (await enter(ann, token)).status == 200
        assert ann.sid != before
        replaced = at.named("session_revoked")[-1]
        assert isinstance(replaced, SessionRevoked)
        assert (replaced.sid, replaced.reason) == (before, "replaced")

    async def test_remember_and_the_binding_key_are_those_of_the_request(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        browser = Browser(at.gate.asgi)
        answer = await enter(browser, token, remember=False)
        assert "Max-Age" not in answer.cookie(browser.rt_name).marks
        assert (await browser.clone().refresh()).code == "proof-required"


class TestWithoutUserVerification:
    async def test_a_security_key_without_a_pin_is_one_factor(self) -> None:
        async with open_gate(passkeys=OPTIONAL, policy=POLICY) as at:
            token = SoftToken(verifies_user=False)
            await with_passkey(at, token)
            browser = Browser(at.gate.asgi)
            assert (await enter(browser, token)).status == 200
            principal = principal_of(at, browser)
            assert (principal.methods, principal.acr) == (("hwk",), None)

    async def test_where_it_is_required_such_a_key_is_not_made(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        with pytest.raises(LookupError, match="cannot verify"):
            SoftToken(verifies_user=False).create(await options_of(ann, "/passkeys/options"), origin=ORIGIN)
