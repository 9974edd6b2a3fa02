"""A passkey as the second factor that an account must have to sign in, enrolled with the ticket of its first step."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass import HookFacts, Refused
from gatepass.core.passkey_challenge import CHALLENGE_TTL
from gatepass.core.policy import Policy
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.factors.options import Passkeys
from gatepass.testing.soft_token import PRESENT, Lie, SoftToken
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, ORIGIN, Browser
from tests.support.factors import account_of, enrol
from tests.support.gates import GateHarness, open_gate

POLICY = Policy(registration="open", second_factor="required", second_factor_grace=0)
OPTIONS = Passkeys(rp_id="gate.example", service="Gate")


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate(passkeys=OPTIONS, policy=POLICY) as made:
        yield made


async def ticket_of(browser: Browser) -> str:
    """Ann has an account and must enrol to sign in."""
    answer = await browser.register()
    if answer.status == 409:
        answer = await browser.login()
    assert answer.json()["methods"] == ["enrol"], answer.body
    return str(answer.json()["ticket"])


async def options_of(browser: Browser, ticket: str) -> dict[str, Any]:
    answer = await browser.ask("/login/enrol/passkey/options", ticket=ticket)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def enrol_passkey(
    browser: Browser, token: SoftToken, ticket: str, *, options: dict[str, Any] | None = None, **more: Any
) -> Answer:
    options = options or await options_of(browser, ticket)
    return await browser.enter(
        "/login/enrol/passkey", ticket=ticket, response=token.create(options, origin=ORIGIN), **more
    )


async def test_it_ends_the_sign_in_with_two_factors_and_recovery_codes(at: GateHarness) -> None:
    browser, token = Browser(at.gate.asgi), SoftToken()
    answer = await enrol_passkey(browser, token, await ticket_of(browser), name="Ann's key")
    assert (answer.status, answer.json()["account"]["email"]) == (200, EMAIL)
    assert len(set(answer.json()["recovery_codes"])) == 10
    principal = at.gate.check.principal([f"Bearer {browser.access_token}"])
    assert (principal.methods, principal.acr) == (("pwd", "hwk", "mfa"), "mfa")
    assert (await browser.refresh()).status == 200
    (passkey,) = (await at.gate.factors.of(principal.account_id)).passkeys
    assert passkey.name == "Ann's key"
    other = Browser(at.gate.asgi)
    asked = await other.login()
    assert asked.json()["methods"] == ["passkey", "recovery"]
    code = answer.json()["recovery_codes"][0]
    assert (await other.ask("/login/recovery", ticket=asked.json()["ticket"], code=code)).status == 200


async def test_a_ticket_counts_once_and_for_nothing_once_there_is_a_factor(at: GateHarness) -> None:
    browser, token = Browser(at.gate.asgi), SoftToken()
    ticket = await ticket_of(browser)
    waiting = await options_of(browser, ticket)
    assert (await enrol_passkey(browser, token, ticket)).status == 200
    again = await enrol_passkey(browser, SoftToken(), ticket, options=waiting)
    options = await browser.ask("/login/enrol/passkey/options", ticket=ticket)
    asked = (await Browser(at.gate.asgi).login()).json()["ticket"]
    beside = await browser.ask("/login/enrol/passkey/options", ticket=asked)
    assert {(answer.status, answer.code) for answer in (again, options, beside)} == {(400, "sign-in-expired")}
    assert (await at.gate.factors.summary((await account_of(at)).id)).passkeys == 1


async def test_options_are_of_one_ticket_for_five_minutes(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    of_other = await options_of(browser, await ticket_of(browser))
    at.clock.advance(1)
    ticket = await ticket_of(browser)
    foreign = await enrol_passkey(browser, SoftToken(), ticket, options=of_other)
    assert (foreign.status, foreign.code) == (400, "challenge-expired")
    own = await options_of(browser, ticket)
    at.clock.advance(max(CHALLENGE_TTL, TICKET_TTL))
    late = await enrol_passkey(browser, SoftToken(), ticket, options=own)
    assert (late.status, late.code) == (400, "sign-in-expired")


async def test_the_session_is_bound_to_the_key_of_the_first_step(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi, key=b"o" * 32)
    ticket = await ticket_of(browser)
    thief = browser.clone(key=b"t" * 32)
    refused = await enrol_passkey(thief, SoftToken(), ticket)
    assert (refused.status, refused.code) == (400, "sign-in-expired")
    assert not (await at.gate.factors.summary((await account_of(at)).id)).has_second
    assert (await enrol_passkey(browser, SoftToken(), ticket)).status == 200


async def test_what_is_wrong_with_a_passkey_leaves_the_ticket_as_it_is(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    ticket = await ticket_of(browser)
    options = await options_of(browser, ticket)
    forged = SoftToken().create(options, origin=ORIGIN, lie=Lie(flags=PRESENT))
    answer = await browser.enter("/login/enrol/passkey", ticket=ticket, response=forged)
    assert (answer.status, answer.code) == (422, "passkey-refused")
    assert (await enrol_passkey(browser, SoftToken(), ticket)).status == 200


async def test_the_application_is_asked_before(at: GateHarness) -> None:
    told: list[str | None] = []

    @at.gate.before("add_factor")
    def apps_only(facts: HookFacts[None]) -> None:
        told.append(facts.factor)
        raise Refused("apps-only", "Use an authenticator app.")

    browser = Browser(at.gate.asgi)
    answer = await enrol_passkey(browser, SoftToken(), await ticket_of(browser))
    assert (answer.code, told) == ("app:apps-only", ["passkey"])


async def test_beside_a_passkey_that_verified_nobody_another_one_is_no_second_factor() -> None:
    keys = Passkeys(rp_id="gate.example", user_verification="discouraged")
    policy = Policy(registration="open", second_factor="required")
    async with open_gate(passkeys=keys, policy=policy) as at:
        browser, token = Browser(at.gate.asgi), SoftToken(verifies_user=False)
        await browser.register()
        options = (await browser.ask("/passkeys/options")).json()
        assert (await browser.ask("/passkeys", response=token.create(options, origin=ORIGIN))).status == 201
        at.clock.advance(policy.second_factor_grace)
        options = (await browser.ask("/login/passkey/options")).json()
        answer = await browser.enter("/login/passkey", response=token.get(options, origin=ORIGIN))
        assert answer.json()["methods"] == ["enrol"]
        refused = await browser.ask("/login/enrol/passkey/options", ticket=answer.json()["ticket"])
        assert (refused.status, refused.code) == (403, "not-offered")


async def test_without_an_rp_id_there_is_none() -> None:
    async with open_gate(policy=POLICY) as at:
        browser = Browser(at.gate.asgi)
        answer = await browser.ask("/login/enrol/passkey/options", ticket=await ticket_of(browser))
        assert (answer.status, answer.code) == (404, "not-found")
        assert not (await at.gate.factors.summary((await account_of(at)).id)).has_second


async def test_the_other_way_to_enrol_voids_it(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    ticket = await ticket_of(browser)
    options = await options_of(browser, ticket)
    await enrol(at)
    answer = await enrol_passkey(browser, SoftToken(), ticket, options=options)
    assert (answer.status, answer.code) == (400, "sign-in-expired")
