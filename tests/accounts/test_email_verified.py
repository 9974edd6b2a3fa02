"""Whether an address is verified: for its owner, and on demand in every access token."""

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.policy import Policy
from gatepass.core.session import Session
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import post


def verified_by(at: GateHarness, browser: Browser) -> bool | None:
    """As a guard tells it."""
    return at.gate.check.principal([browser.bearer[1]]).email_verified


async def test_its_owner_sees_it_and_tokens_say_nothing_by_themselves(at: GateHarness) -> None:
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).json()["account"]["email_verified"] is False
    assert (await browser.get("/me")).json()["email_verified"] is False
    assert verified_by(at, browser) is None


@pytest.mark.parametrize("claims", [None, lambda _session: {"scope": "notes:read"}])
async def test_on_demand_every_token_says_what_was_so_when_it_was_made(claims: object) -> None:
    async with open_gate(tokens=Tokens(email_verified_claim=True, claims=claims)) as at:  # type: ignore[arg-type]
        browser = Browser(at.gate.asgi)
        await browser.register()
        assert verified_by(at, browser) is False
        account = await at.gate.accounts.find_by_email(EMAIL)
        assert account is not None
        await at.gate.administration.verify_address(account.email_key, by="root")
        assert verified_by(at, browser) is False
        await browser.refresh()
        assert verified_by(at, browser) is True


async def test_with_verified_addresses_the_first_token_says_so() -> None:
    async with post(policy=Policy(registration="verify"), tokens=Tokens(email_verified_claim=True)) as mailed:
        browser = await mailed.verified(EMAIL, PASSWORD)
        assert verified_by(mailed.at, browser) is True


async def test_the_claims_hook_does_not_overrule_it() -> None:
    def claims(_session: Session) -> dict[str, bool]:
        return {"email_verified": True}

    async with open_gate(tokens=Tokens(email_verified_claim=True, claims=claims)) as at:
        browser = Browser(at.gate.asgi)
        await browser.register()
        assert verified_by(at, browser) is False
