"""A passkey as the second step of a sign-in, and of a step-up."""

from typing import Any

import pytest
from pydantic import BaseModel

from gatepass.core import base64url
from gatepass.core.hook_facts import HookFacts
from gatepass.errors import ConfigurationError
from gatepass.testing.records import totp_of
from gatepass.testing.soft_token import SoftToken
from tests.support.asgi import Answer
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.passkeys import (
    OPTIONAL,
    POLICY,
    add,
    ann_of,
    enter,
    options_of,
    principal_of,
    reasons,
    with_passkey,
)


async def version_of(at: GateHarness, account_id: str) -> int:
    account = await at.gate.accounts.find(account_id)
    assert account is not None
    return account.credential_version


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
