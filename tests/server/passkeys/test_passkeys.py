"""Passkeys over HTTP: added by their owner, and everything that is refused."""

import hashlib

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass.core import base64url
from gatepass.core.passkey_challenge import CHALLENGE_TTL
from gatepass.factors.options import Passkeys
from gatepass.factors.passkeys import MAX_PASSKEYS
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.testing.soft_token import Lie, SoftToken
from tests.support.asgi import call
from tests.support.browser import EMAIL, ORIGIN, Browser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate
from tests.support.passkeys import OPTIONS, POLICY, add, ann_of, enter, options_of, principal_of, reasons, with_passkey

LISTED = {"id", "name", "created_at", "last_used_at", "synced", "backed_up", "transports", "aaguid"}


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
