"""Passkeys over HTTP: added by their owner, a sign-in without a name, and everything that is refused."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass.accounts.identities import Identity
from gatepass.core import base64url
from gatepass.core.event import PasskeyRefused, SessionRevoked
from gatepass.core.hook_facts import HookFacts
from gatepass.core.passkey_challenge import CHALLENGE_TTL
from gatepass.core.policy import Policy
from gatepass.core.principal import Principal
from gatepass.core.rate import Rate
from gatepass.errors import ConfigurationError, Refused
from gatepass.factors.options import Passkeys
from gatepass.factors.passkeys import MAX_PASSKEYS
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.server.limits import Limits
from gatepass.sessions.service import Caller
from gatepass.testing.records import totp_of
from gatepass.testing.soft_token import PRESENT, Credential, Lie, SoftToken
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, Browser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate
from tests.support.mail import Post, post

OPTIONS = Passkeys(rp_id="gate.example", service="Gate")
OPTIONAL = Passkeys(rp_id="gate.example", user_verification="preferred")
POLICY = Policy(registration="open")
GOOGLE = Identity("google", "https://accounts.google.example", "110", EMAIL, email_verified=True)
LISTED = {"id", "name", "created_at", "last_used_at", "synced", "backed_up", "transports", "aaguid"}


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate(passkeys=OPTIONS, policy=POLICY) as made:
        yield made


async def ann_of(at: GateHarness, email: str = EMAIL) -> Browser:
    """Somebody who has just registered with a password."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register(email)).status == 201
    return browser


async def options_of(browser: Browser, path: str = "/login/passkey/options") -> dict[str, Any]:
    answer = await browser.ask(path)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def add(browser: Browser, token: SoftToken, *, lie: Lie | None = None, **more: Any) -> Answer:
    """Make a passkey and send it. An account that has one adds another in a session with several factors."""
    options = await options_of(browser, "/passkeys/options")
    return await browser.ask("/passkeys", response=token.create(options, origin=ORIGIN, lie=lie), **more)


async def enter(
    browser: Browser, token: SoftToken, *, lie: Lie | None = None, chosen: Credential | None = None, **more: Any
) -> Answer:
    """Sign in with a passkey, without a name."""
    response = token.get(await options_of(browser), origin=ORIGIN, lie=lie, chosen=chosen)
    return await browser.enter("/login/passkey", response=response, **more)


async def with_passkey(at: GateHarness, token: SoftToken, email: str = EMAIL) -> Browser:
    """Somebody who has added a passkey and signed in with it."""
    ann = await ann_of(at, email)
    assert (await add(ann, token)).status == 201
    assert (await enter(ann, token)).status == 200
    return ann


def principal_of(at: GateHarness, browser: Browser) -> Principal:
    return at.gate.check.principal([browser.bearer[1]])


async def version_of(at: GateHarness, account_id: str) -> int:
    account = await at.gate.accounts.find(account_id)
    assert account is not None
    return account.credential_version


def reasons(at: GateHarness) -> list[str]:
    return [event.why for event in at.events if isinstance(event, PasskeyRefused)]


async def remove(browser: Browser, passkey_id: str) -> tuple[int, str | None]:
    answer = await browser.send("DELETE", f"/passkeys/{passkey_id}", headers=[browser.bearer])
    return answer.status, answer.code if answer.body else None


class TestAdding:
    async def test_the_options_are_those_of_the_specification(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        options = await options_of(ann, "/passkeys/options")
        assert options["rp"] == {"id": "gate.example", "name": "Gate"}
        assert (options["user"]["name"], options["user"]["displayName"]) == (EMAIL, EMAIL)
        handle = base64url.decode(options["user"]["id"].encode())
        account_id = principal_of(at, ann).account_id
        assert len(handle) == 32
        assert account_id.encode() not in handle
        assert handle != hashlib.sha256(account_id.encode()).digest()
        assert options["authenticatorSelection"] == {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        }
        assert (options["attestation"], options["timeout"]) == ("none", 300_000)
        assert [each["alg"] for each in options["pubKeyCredParams"]] == [-7, -8, -257]
        assert (await options_of(ann, "/passkeys/options"))["challenge"] != options["challenge"]

    async def test_the_owner_sees_what_was_added(self, at: GateHarness) -> None:
        ann, token = await ann_of(at), SoftToken(is_synced=True)
        added = await add(ann, token, name="My phone")
        assert added.status == 201
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert listed == added.json()
        assert set(listed) == LISTED
        assert (listed["name"], listed["synced"], listed["backed_up"]) == ("My phone", True, True)
        assert (listed["transports"], listed["last_used_at"]) == (["internal"], None)
        assert len(at.named("user_factor_add")) == 1

    async def test_without_a_name_it_has_that_of_its_password_manager_or_of_the_browser(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        bitwarden = SoftToken(aaguid=bytes.fromhex("d548826e79b4db40a3d811116f7e8349"))
        assert (await add(ann, bitwarden)).json()["name"] == "Bitwarden"
        assert (await enter(ann, bitwarden)).status == 200
        assert (await add(ann, SoftToken())).json()["name"] == "Firefox on Linux"

    async def test_the_sessions_of_the_account_stay(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        assert (await add(ann, SoftToken())).status == 201
        assert (await ann.refresh()).status == 200
        assert (await ann.get("/me")).status == 200

    async def test_a_device_makes_no_second_one(self, at: GateHarness) -> None:
        token = SoftToken()
        ann = await with_passkey(at, token)
        options = await options_of(ann, "/passkeys/options")
        (excluded,) = options["excludeCredentials"]
        assert excluded["transports"] == ["internal"]
        with pytest.raises(LookupError, match="InvalidStateError"):
            token.create(options, origin=ORIGIN)

    async def test_all_of_an_account_have_one_handle_and_another_account_another(self, at: GateHarness) -> None:
        phone, key, theirs = SoftToken(), SoftToken(), SoftToken()
        ann = await with_passkey(at, phone)
        assert (await add(ann, key)).status == 201
        await with_passkey(at, theirs, "bob@example.com")
        handles = [token.credentials[0].user_handle for token in (phone, key, theirs)]
        assert handles[0] == handles[1] != handles[2]

    async def test_it_needs_a_recent_sign_in_whatever_the_policy_says(self, at: GateHarness) -> None:
        ann, token = await ann_of(at), SoftToken()
        options = await options_of(ann, "/passkeys/options")
        at.clock.advance(WAYS_IN_MAX_AGE + 1)
        assert (await ann.refresh()).status == 200
        late = await ann.ask("/passkeys", response=token.create(options, origin=ORIGIN))
        assert late.code == "insufficient-user-authentication"
        assert (await ann.ask("/passkeys/options")).code == "insufficient-user-authentication"
        assert (await Browser(at.gate.asgi).ask("/passkeys/options")).code == "token-required"

    async def test_the_options_of_another_session_or_account_are_worth_nothing(self, at: GateHarness) -> None:
        ann, bob, token = await ann_of(at), await ann_of(at, "bob@example.com"), SoftToken()
        other = Browser(at.gate.asgi)
        assert (await other.login()).status == 200
        response = token.create(await options_of(ann, "/passkeys/options"), origin=ORIGIN)
        for browser in (bob, other):
            assert (await browser.ask("/passkeys", response=response)).code == "challenge-expired"
        assert (await ann.ask("/passkeys", response=response)).status == 201

    async def test_a_challenge_counts_once_and_for_five_minutes(self, at: GateHarness) -> None:
        ann, token = await with_passkey(at, SoftToken()), SoftToken()
        response = token.create(await options_of(ann, "/passkeys/options"), origin=ORIGIN)
        at.clock.advance(CHALLENGE_TTL - 1)
        assert (await ann.ask("/passkeys", response=response)).status == 201
        assert (await ann.ask("/passkeys", response=response)).code == "challenge-expired"
        late = SoftToken().create(await options_of(ann, "/passkeys/options"), origin=ORIGIN)
        at.clock.advance(CHALLENGE_TTL)
        assert (await ann.ask("/passkeys", response=late)).code == "challenge-expired"

    async def test_the_challenge_of_a_sign_in_adds_nothing(self, at: GateHarness) -> None:
        ann, token = await ann_of(at), SoftToken()
        options = await options_of(ann, "/passkeys/options")
        foreign = {**options, "challenge": (await options_of(ann))["challenge"]}
        answer = await ann.ask("/passkeys", response=token.create(foreign, origin=ORIGIN))
        assert answer.code == "challenge-expired"

    async def test_every_refusal_is_one_answer_and_the_event_says_why(self, at: GateHarness) -> None:
        ann, token = await ann_of(at), SoftToken()
        lies = [Lie(rp_id="evil.example"), Lie(cross_origin=True), Lie(flags=0x41)]
        answers = [await add(ann, token, lie=lie) for lie in lies]
        options = await options_of(ann, "/passkeys/options")
        elsewhere = token.create(options, origin="https://sub.gate.example")
        answers += [await ann.ask("/passkeys", response=each) for each in (elsewhere, {}, {"type": "public-key"})]
        assert {(answer.status, answer.code, answer.body) for answer in answers} == {
            (422, "passkey-refused", answers[0].body)
        }
        assert reasons(at) == ["rp-id", "frame", "verification", "origin", "malformed", "malformed"]
        assert (await ann.get("/passkeys")).json() == {"passkeys": []}

    async def test_the_passkey_of_another_account_is_taken(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        bob = await ann_of(at, "bob@example.com")
        options, kept = await options_of(bob, "/passkeys/options"), token.credentials[0]
        forged = token.create(options, origin=ORIGIN)  # of a hostile device, with the id of a stranger's
        raw = base64url.decode(forged["response"]["attestationObject"].encode())
        made = token.credentials[-1].credential_id
        forged["response"]["attestationObject"] = base64url.encode(raw.replace(made, kept.credential_id))
        forged["id"] = forged["rawId"] = base64url.encode(kept.credential_id)
        assert (await bob.ask("/passkeys", response=forged)).code == "passkey-taken"

    async def test_an_account_has_twenty_at_most(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        waiting = await options_of(ann, "/passkeys/options")
        for _ in range(MAX_PASSKEYS - 1):
            assert (await add(ann, SoftToken())).status == 201
        assert (await ann.ask("/passkeys/options")).code == "too-many-passkeys"
        late = await ann.ask("/passkeys", response=SoftToken().create(waiting, origin=ORIGIN))
        assert late.code == "too-many-passkeys"

    async def test_a_rollout_of_a_secret_between_the_two_requests_changes_no_handle(self) -> None:
        async with open_gate(passkeys=OPTIONS, policy=POLICY) as before:
            ann, token = await ann_of(before), SoftToken()
            options = await options_of(ann, "/passkeys/options")
            rolled = open_gate(
                passkeys=OPTIONS,
                policy=POLICY,
                store=before.store,
                clock=before.clock,
                secrets=[OTHER_SECRET, SECRET],
            )
            async with rolled as after:
                ann.app = after.gate.asgi
                added = await ann.ask("/passkeys", response=token.create(options, origin=ORIGIN))
                assert added.status == 201
                assert (await enter(ann, token)).status == 200
                assert (await options_of(ann, "/passkeys/options"))["user"]["id"] == options["user"]["id"]


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


class TestTheSecondStep:
    async def first(self, browser: Browser, **more: Any) -> dict[str, Any]:
        """The answer to the right password of an account that has a second factor."""
        answer = await browser.login(**more)
        assert answer.code == "second-factor-required"
        found: dict[str, Any] = answer.json()
        return found

    async def second(self, browser: Browser, token: SoftToken, ticket: str) -> Answer:
        answer = await browser.ask("/login/passkey/options", ticket=ticket)
        assert answer.status == 200, answer.body
        response = token.get(answer.json(), origin=ORIGIN)
        return await browser.enter("/login/passkey", response=response, ticket=ticket)

    async def test_a_passkey_ends_the_sign_in_that_a_password_began(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        browser = Browser(at.gate.asgi)
        first = await self.first(browser, remember=False)
        assert first["methods"] == ["passkey"]
        answer = await self.second(browser, token, first["ticket"])
        assert answer.status == 200
        principal = principal_of(at, browser)
        assert (principal.methods, principal.acr) == (("pwd", "hwk", "user", "mfa"), "mfa")
        assert "Max-Age" not in answer.cookie(browser.rt_name).marks

    async def test_the_options_name_the_passkeys_of_that_account(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        browser = Browser(at.gate.asgi)
        ticket = (await self.first(browser))["ticket"]
        options = (await browser.ask("/login/passkey/options", ticket=ticket)).json()
        (allowed,) = options["allowCredentials"]
        assert allowed["id"] == base64url.encode(token.credentials[0].credential_id)
        assert (await browser.ask("/login/passkey/options", ticket=ticket[:-4] + "AAAA")).code == "sign-in-expired"

    async def test_the_passkey_of_another_account_is_none(self, at: GateHarness) -> None:
        token, theirs = SoftToken(), SoftToken()
        await with_passkey(at, token)
        await with_passkey(at, theirs, "bob@example.com")
        browser = Browser(at.gate.asgi)
        ticket = (await self.first(browser))["ticket"]
        options = (await browser.ask("/login/passkey/options", ticket=ticket)).json()
        response = theirs.get(options, origin=ORIGIN, chosen=theirs.credentials[0])
        answer = await browser.enter("/login/passkey", response=response, ticket=ticket)
        assert answer.code == "passkey-refused"
        assert reasons(at) == ["account"]
        assert (await self.second(browser, token, ticket)).status == 200, "a wrong answer uses nothing up"

    async def test_a_ticket_counts_once_and_its_challenge_for_it_alone(self, at: GateHarness) -> None:
        token = SoftToken()
        await with_passkey(at, token)
        browser = Browser(at.gate.asgi)
        ticket = (await self.first(browser))["ticket"]
        other = (await self.first(browser))["ticket"]
        options = (await browser.ask("/login/passkey/options", ticket=ticket)).json()
        response = token.get(options, origin=ORIGIN)
        for wrong in ({}, {"ticket": other}):
            answer = await browser.enter("/login/passkey", response=response, **wrong)
            assert answer.code == "challenge-expired"
        free = token.get(await options_of(browser), origin=ORIGIN)
        assert (await browser.enter("/login/passkey", response=free, ticket=ticket)).code == "challenge-expired"
        last = token.get(options, origin=ORIGIN)
        assert (await browser.enter("/login/passkey", response=last, ticket=ticket)).status == 200
        again = await browser.ask("/login/passkey/options", ticket=ticket)
        late = token.get(again.json(), origin=ORIGIN)
        assert (await browser.enter("/login/passkey", response=late, ticket=ticket)).code == "sign-in-expired"

    async def test_one_key_is_not_two_factors(self) -> None:
        async with open_gate(passkeys=OPTIONAL, policy=POLICY) as at:
            token = SoftToken(verifies_user=False)
            ann = await ann_of(at)
            account_id = principal_of(at, ann).account_id
            assert (await add(ann, token)).status == 201
            account = await at.gate.accounts.find(account_id)
            assert account is not None
            totp = totp_of(account)
            version = account.credential_version
            assert await at.memory.put_totp(totp, credential_version=version)
            assert await at.memory.confirm_totp(
                account_id,
                sealed=totp.sealed,
                step=1,
                recovery_codes=[],
                credential_version=version,
                now=at.clock.now(),
            )
            browser = Browser(at.gate.asgi)
            first = await enter(browser, token)
            assert (first.code, first.json()["methods"]) == ("second-factor-required", ["totp"])
            answer = await self.second(browser, token, first.json()["ticket"])
            assert answer.code == "passkey-refused"

    async def test_after_a_key_alone_recovery_codes_are_not_asked_for(self) -> None:
        async with open_gate(passkeys=OPTIONAL, policy=POLICY) as at:
            token = SoftToken(verifies_user=False)
            ann = await ann_of(at)
            account_id = principal_of(at, ann).account_id
            assert (await add(ann, token)).status == 201
            version, now = (await version_of(at, account_id)), at.clock.now()
            assert await at.memory.set_recovery_codes(account_id, [b"1"], credential_version=version, now=now)
            assert (await enter(Browser(at.gate.asgi), token)).status == 200
            assert (await self.first(Browser(at.gate.asgi)))["methods"] == ["passkey", "recovery"]

    async def test_a_gate_that_takes_passkeys_no_more_asks_for_none(self, at: GateHarness) -> None:
        await with_passkey(at, SoftToken())
        async with open_gate(policy=POLICY, store=at.store, clock=at.clock) as later:
            assert (await Browser(later.gate.asgi).login()).status == 200

    async def test_what_the_application_added_comes_with_the_ticket(self, at: GateHarness) -> None:
        token, seen = SoftToken(), list[str]()
        await with_passkey(at, token)

        class Shop(BaseModel):
            shop: str

        @at.gate.before("sign_in", extra=Shop)
        def note(facts: HookFacts[Shop]) -> None:
            assert facts.extra is not None
            seen.append(facts.extra.shop)

        browser = Browser(at.gate.asgi)
        ticket = (await self.first(browser, shop="north"))["ticket"]
        assert (await self.second(browser, token, ticket)).status == 200
        assert (await enter(Browser(at.gate.asgi), token)).code == "invalid-body"
        assert (await enter(Browser(at.gate.asgi), token, shop="south")).status == 200
        assert seen == ["north", "south"]

    async def test_members_of_an_application_cannot_take_names_of_a_passkeys_sign_in(self, at: GateHarness) -> None:
        class Ticket(BaseModel):
            ticket: str

        with pytest.raises(ConfigurationError, match="taken: ticket"):
            at.gate.before("sign_in", extra=Ticket)(lambda facts: None)


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


class TestTheOwnersList:
    async def test_a_passkey_has_the_name_that_its_owner_gives(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        path = f"/passkeys/{listed['id']}"
        named = await ann.send("PATCH", path, body={"name": "Büro ✓"}, headers=[ann.bearer])
        assert named.status == 204
        assert (await ann.get("/passkeys")).json()["passkeys"][0]["name"] == "Büro ✓"
        for name in ("", "x" * 65, "two\nlines", 7):
            refused = await ann.send("PATCH", path, body={"name": name}, headers=[ann.bearer])
            assert refused.code == "invalid-body"

    async def test_those_of_another_account_are_not_found(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        bob = await ann_of(at, "bob@example.com")
        for passkey_id in (listed["id"], "0" * 32, "x", "%00"):
            assert await remove(bob, passkey_id) == (404, "not-found")
            named = await bob.send("PATCH", f"/passkeys/{passkey_id}", body={"name": "mine"}, headers=[bob.bearer])
            assert named.code == "not-found"
        assert (await ann.get("/passkeys")).json()["passkeys"] == [listed]

    async def test_the_last_way_in_stays(self, at: GateHarness) -> None:
        account = await at.gate.identities.account_for(GOOGLE)
        grant = await at.gate.sessions.sign_in(account, caller=Caller("", "192.0.2.0/24"), remember=True)
        assert grant is not None
        ann, token = Browser(at.gate.asgi), SoftToken()
        ann.access_token = grant.access_token or ""
        assert (await add(ann, token)).status == 201
        assert (await enter(ann, token)).status == 200
        (identity,) = (await ann.get("/identities")).json()["identities"]
        unlinked = await ann.send("DELETE", f"/identities/{identity['id']}", headers=[ann.bearer])
        assert unlinked.status == 204, "the passkey is a way in"
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert await remove(ann, listed["id"]) == (409, "last-way-in")
        assert (await add(ann, SoftToken())).status == 201
        assert await remove(ann, listed["id"]) == (204, None)

    async def test_removing_one_needs_a_recent_sign_in_and_naming_one_does_not(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        at.clock.advance(WAYS_IN_MAX_AGE + 1)
        assert (await ann.refresh()).status == 200
        assert await remove(ann, listed["id"]) == (401, "insufficient-user-authentication")
        path = f"/passkeys/{listed['id']}"
        assert (await ann.send("PATCH", path, body={"name": "n"}, headers=[ann.bearer])).status == 204
        assert len(at.named("user_factor_remove")) == 0


class TestTheApplication:
    async def test_its_hook_sees_the_methods_and_may_refuse(self, at: GateHarness) -> None:
        token, seen = SoftToken(), list[tuple[str, ...]]()
        await with_passkey(at, token)

        @at.gate.before("sign_in")
        def no_keys(facts: HookFacts[None]) -> None:
            seen.append(facts.methods)
            if "hwk" in facts.methods:
                raise Refused("no-keys", "Not today.")

        answer = await enter(Browser(at.gate.asgi), token)
        assert (answer.status, answer.code) == (403, "app:no-keys")
        assert seen == [("hwk", "user", "mfa")]

    async def test_it_lists_and_removes_them_from_any_code(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        account_id = principal_of(at, ann).account_id
        (passkey,) = await at.gate.passkeys.list_for_account(account_id)
        await at.gate.passkeys.rename(account_id, passkey.id, name="from the shop")
        await at.gate.passkeys.remove(account_id, passkey.id)
        assert list(await at.gate.passkeys.list_for_account(account_id)) == []

    async def test_its_hook_may_refuse_a_new_passkey_and_a_removal(self, at: GateHarness) -> None:
        ann = await with_passkey(at, SoftToken())
        seen: list[tuple[str, str | None]] = []

        @at.gate.before("add_factor")
        @at.gate.before("remove_factor")
        def frozen(facts: HookFacts[None]) -> None:
            seen.append((facts.kind, facts.factor))
            raise Refused("frozen", "Ask the help desk.")

        (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
        assert (await add(ann, SoftToken())).code == "app:frozen"
        assert await remove(ann, listed["id"]) == (403, "app:frozen")
        assert seen == [("add_factor", "passkey"), ("remove_factor", "passkey")]
        assert (await ann.get("/passkeys")).json()["passkeys"] == [listed]

    async def test_a_gate_without_an_rp_id_has_no_passkeys_and_still_removes_them(self) -> None:
        async with open_gate(policy=POLICY) as at:
            ann = await ann_of(at)
            for path in ("/passkeys/options", "/login/passkey/options"):
                assert (await ann.ask(path)).code == "not-found"
            assert not at.gate.passkeys.is_offered
            assert list(await at.gate.passkeys.list_for_account("ann")) == []
            assert "/passkeys" not in at.gate.describe()["paths"]

    async def test_a_page_that_cannot_use_them_is_told_so(self) -> None:
        local = open_gate(passkeys=Passkeys(rp_id="localhost"), policy=POLICY, public_url="http://localhost:8000")
        async with local as at:
            names = ("gatepass_8000", "gatepass_8000_state")
            for origin, status in (("http://localhost:8000", 200), ("http://127.0.0.1:8000", 403)):
                browser = Browser(at.gate.asgi, origin=origin, names=names)
                answer = await browser.ask("/login/passkey/options")
                assert answer.status == status
            assert answer.code == "not-offered"
            assert "http://localhost:8000" in answer.json()["detail"]


class TestRelatedOrigins:
    """WebAuthn L3 §5.11: what browsers ask the RP id before a page of another domain may use its passkeys."""

    async def test_the_served_gate_has_their_document_at_the_root(self) -> None:
        related = Passkeys(rp_id="gate.example", origins=["https://gate.example.de"])
        async with open_gate(passkeys=related) as at:
            answer = await call(at.gate.served, "GET", "/.well-known/webauthn")
            assert (answer.status, dict(answer.headers)["content-type"]) == (200, "application/json")
            assert answer.json() == {"origins": ["https://gate.example.de"]} == at.gate.passkeys.related_origins()

    async def test_an_application_that_mounts_the_endpoints_routes_it_at_its_root_and_not_below_the_mount(self) -> None:
        related = Passkeys(rp_id="gate.example", origins=["https://gate.example.de"])
        async with open_gate(passkeys=related) as at:
            inner = Starlette(routes=[Mount("/auth", at.gate.asgi)])
            assert (await call(inner, "GET", "/.well-known/webauthn")).status == 404, "the mount has no root"
            assert (await call(inner, "GET", "/auth/.well-known/webauthn")).status == 404
            assert (await call(inner, "GET", "/auth/jwks.json")).status == 200

            async def document(_request: object) -> JSONResponse:
                return JSONResponse(at.gate.passkeys.related_origins())

            route = Route("/.well-known/webauthn", document)
            inner.routes.insert(0, route)
            answer = await call(inner, "GET", "/.well-known/webauthn")
            assert (answer.status, answer.json()) == (200, {"origins": ["https://gate.example.de"]})
            outer = Starlette(routes=[Mount("/shop", inner)])
            assert (await call(outer, "GET", "/.well-known/webauthn")).status == 404, "browsers know no prefix"
            assert (await call(outer, "GET", "/shop/auth/jwks.json")).status == 200
            outer.routes.insert(0, route)
            assert (await call(outer, "GET", "/.well-known/webauthn")).json() == answer.json()

    async def test_without_any_there_is_no_document(self) -> None:
        for options in (OPTIONS, None):
            async with open_gate(passkeys=options) as at:
                assert (await call(at.gate.served, "GET", "/.well-known/webauthn")).status == 404


class TestAStrangersAccount:
    async def test_a_passkey_planted_under_anothers_address_goes_when_its_owner_comes_by_mail(self) -> None:
        async with post(policy=POLICY, passkeys=OPTIONS) as mail:
            planted = SoftToken()
            stranger: Post = mail
            await with_passkey(stranger.at, planted)
            await mail.ask("/password/forgot", {"email": EMAIL})
            assert (
                await mail.ask("/password/reset", {"token": await mail.token(), "new": PASSWORD + "!"})
            ).status == 204
            assert (await enter(mail.browser(), planted)).code == "unknown-credential"

    async def test_the_owner_gets_mail_about_each_that_is_added_or_removed(self) -> None:
        async with post(passkeys=OPTIONS) as mail:
            token, ann = SoftToken(), await mail.verified()
            before = len(await mail.mails())
            assert (await add(ann, token)).status == 201
            assert (await enter(ann, token)).status == 200
            (listed,) = (await ann.get("/passkeys")).json()["passkeys"]
            assert await remove(ann, listed["id"]) == (204, None)
            sent = [each for each in (await mail.mails())[before:] if "passkey" in each.text.lower()]
            assert [each.to for each in sent] == [EMAIL, EMAIL]

    async def test_the_owner_is_told_once_an_hour_of_one_that_was_refused_as_a_copy(self) -> None:
        for security_mail, letters in ((True, 1), (False, 0)):
            async with post(passkeys=OPTIONS, security_mail=security_mail) as mail:
                token, ann = SoftToken(), await mail.verified()
                assert (await add(ann, token)).status == 201
                clone = token.copied()
                assert (await enter(mail.browser(), token)).status == 200
                for _ in range(2):
                    clone.credentials[0].sign_count = 0
                    assert (await enter(mail.browser(), clone)).code == "passkey-refused"
                assert reasons(mail.at) == ["copy", "copy"]
                told = [to for to, subject in await mail.subjects() if "may have been copied" in subject]
                assert told == [EMAIL] * letters

    async def test_of_a_verified_address_it_stays(self) -> None:
        async with post(passkeys=OPTIONS) as mail:
            token, ann = SoftToken(), await mail.verified()
            assert (await add(ann, token)).status == 201
            await mail.ask("/password/forgot", {"email": EMAIL})
            assert (
                await mail.ask("/password/reset", {"token": await mail.token(), "new": PASSWORD + "!"})
            ).status == 204
            assert (await enter(mail.browser(), token)).status == 200
