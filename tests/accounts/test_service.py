"""Accounts as a service: stronger hashes over time, closing an account, what is reported."""

import pytest

from gatepass.errors import InvalidCredentials
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate


async def ann(at: GateHarness) -> Browser:
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    return browser


@pytest.mark.parametrize(("password", "is_renewed"), [(PASSWORD, True), ("wrong wrong wrong", False)])
async def test_a_successful_sign_in_renews_an_outdated_hash(password: str, is_renewed: bool) -> None:
    async with open_gate() as at:
        await ann(at)
        (before,) = at.memory._accounts.values()
        at.hasher.is_outdated = lambda password_hash: True  # type: ignore[method-assign]
        at.store.verbs.clear()
        await Browser(at.gate.asgi).login(EMAIL, password)
        assert ("rehash_password" in at.store.verbs) is is_renewed
        (after,) = at.memory._accounts.values()
        assert after.credential_version == before.credential_version, "no session ends by it"


class TestDisable:
    async def test_it_ends_every_session_at_once_and_refuses_sign_in(self) -> None:
        async with open_gate() as at:
            browser = await ann(at)
            (account,) = at.memory._accounts.values()
            assert await at.gate.accounts.disable(account.id)
            assert (await browser.get("/me")).status == 401
            assert (await browser.refresh()).json()["reason"] == "revoked"
            with pytest.raises(InvalidCredentials):
                await at.gate.accounts.authenticate(EMAIL, PASSWORD, ip_prefix="")
            assert len(at.named("session_revoked")) == 1

    async def test_of_nobody_it_is_false(self) -> None:
        async with open_gate() as at:
            assert not await at.gate.accounts.disable("0" * 32)


async def test_what_happens_to_an_account_is_reported_without_its_address() -> None:
    async with open_gate() as at:
        browser = await ann(at)
        body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
        await browser.send("POST", "/password", headers=[browser.bearer], body=body)
        names = [event.name for event in at.events]
        assert names == ["user_created", "session_created", "authn_password_change"]
        assert EMAIL not in repr(at.events)
