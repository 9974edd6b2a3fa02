"""Accounts as a service: stronger hashes over time, disabling and deleting an account, what is reported."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.errors import InvalidCredentials, Overloaded
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, post

NEW = "eight green bottles on a wall"


async def sign_up(at: GateHarness) -> Browser:
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    return browser


@pytest.mark.parametrize(("password", "is_renewed"), [(PASSWORD, True), ("wrong wrong wrong", False)])
async def test_a_successful_sign_in_renews_an_outdated_hash(password: str, is_renewed: bool) -> None:
    async with open_gate() as at:
        await sign_up(at)
        (before,) = at.memory._accounts.values()
        at.hasher.is_outdated = lambda password_hash: True  # type: ignore[method-assign]
        at.store.verbs.clear()
        await Browser(at.gate.asgi).login(EMAIL, password)
        assert ("rehash_password" in at.store.verbs) is is_renewed
        (after,) = at.memory._accounts.values()
        assert after.credential_version == before.credential_version, "no session ends by it"


async def test_a_hash_that_cannot_be_renewed_for_want_of_room_costs_nobody_a_sign_in() -> None:
    async with open_gate() as at:
        await sign_up(at)
        stored = await at.hasher.hash(PASSWORD)
        at.hasher.is_outdated = lambda password_hash: True  # type: ignore[method-assign]

        async def no_room(password: str) -> str:
            raise Overloaded

        async def verify(password_hash: str | None, password: str) -> bool:
            return password_hash == stored

        at.hasher.hash = no_room  # type: ignore[method-assign]
        at.hasher.verify = verify  # type: ignore[method-assign]
        assert (await Browser(at.gate.asgi).login()).status == 200


class TestDisable:
    async def test_it_ends_every_session_at_once_and_refuses_sign_in(self) -> None:
        async with open_gate() as at:
            browser = await sign_up(at)
            (account,) = at.memory._accounts.values()
            assert await at.gate.accounts.disable(account.id)
            assert (await browser.get("/me")).status == 401
            assert (await browser.refresh()).json()["reason"] == "revoked"
            with pytest.raises(InvalidCredentials):
                await at.gate.accounts.authenticate(EMAIL, Secret(PASSWORD), ip_prefix="")
            assert len(at.named("session_revoked")) == 1

    async def test_of_nobody_it_is_false(self) -> None:
        async with open_gate() as at:
            assert not await at.gate.accounts.disable("0" * 32)


class TestDelete:
    @pytest.fixture
    async def at(self) -> AsyncIterator[Post]:
        async with post(policy=Policy(registration="open")) as made:
            yield made

    @pytest.fixture
    async def ann(self, at: Post) -> Browser:
        return await sign_up(at.at)

    async def test_it_needs_the_password_and_leaves_nothing(self, at: Post, ann: Browser) -> None:
        wrong = await at.ask("/account", {"password": "wrong wrong wrong"}, browser=ann, method="DELETE")
        assert (wrong.status, wrong.code) == (403, "invalid-credentials")
        gone = await at.ask("/account", {"password": PASSWORD}, browser=ann, method="DELETE")
        assert gone.status == 204
        assert {cookie.name for cookie in gone.cookies if cookie.is_deletion} >= {ann.rt_name, ann.state_name}
        assert at.at.memory._accounts == {}
        assert (await ann.get("/me")).status == 401
        assert (await at.browser().login()).status == 401
        assert len(at.at.named("user_deleted")) == 1
        assert (await at.browser().register()).status == 201, "the address is free again"

    async def test_its_links_die_with_it(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        await at.ask("/account", {"password": PASSWORD}, browser=ann, method="DELETE")
        await at.browser().register()
        assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"

    async def test_of_anybody_it_needs_a_token(self, at: Post) -> None:
        answer = await at.ask("/account", {"password": PASSWORD}, method="DELETE")
        assert (answer.status, answer.code) == (401, "token-required")


async def test_what_happens_to_an_account_is_reported_without_its_address() -> None:
    async with open_gate() as at:
        browser = await sign_up(at)
        body = {"current": PASSWORD, "new": NEW}
        await browser.send("POST", "/password", headers=[browser.bearer], body=body)
        names = [event.name for event in at.events]
        story = ["user_created", "session_created", "authn_password_change", "session_revoked", "session_created"]
        assert names == story
        assert EMAIL not in repr(at.events)
