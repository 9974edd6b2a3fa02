"""A change of an account that ends sessions, where the store fails in between and the same is asked again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from gatepass.accounts.identities import Identity
from gatepass.core.identity import ProviderSignIn
from gatepass.core.policy import Policy
from gatepass.errors import StoreUnavailable
from gatepass.sessions.service import Caller
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.factor_recovery import asked, complete, has_app
from tests.support.factors import account_of, enrol
from tests.support.mail import Post, post

IDENTITY = Identity("google", "https://accounts.google.example", "110248", EMAIL, email_verified=True)
CALLER = Caller("Firefox on Linux", "192.0.2.0/24")


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made


def failing(verb: str) -> Callable[[str], Awaitable[None]]:
    async def fail(asked: str) -> None:
        if asked == verb:
            raise StoreUnavailable

    return fail


class TestAnotherAddress:
    async def _cut_off(self, at: Post) -> tuple[Browser, Browser, dict[str, str]]:
        """Two browsers of an owner whose new address was set, while the sessions could not be ended."""
        ann, phone = at.browser(), at.browser()
        assert (await ann.register()).status == 201
        assert (await phone.login()).status == 200
        at.at.clock.advance(60)
        await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
        body = {"token": await at.token()}
        at.at.store.before = failing("revoke_all")
        assert (await at.ask("/email/confirm", body, browser=ann)).status == 503
        at.at.store.before = None
        return ann, phone, body

    async def test_the_same_link_again_ends_the_sessions_that_are_left(self, at: Post) -> None:
        ann, phone, body = await self._cut_off(at)
        at.at.clock.advance(5)
        again = await at.ask("/email/confirm", body, browser=ann)
        assert (again.status, again.json()["account"]["email"]) == (200, "ann@new.example")
        assert (await phone.refresh()).code == "session-ended"
        assert len(at.at.named("user_email_change")) == 1

    async def test_a_session_that_began_since_is_none_of_them(self, at: Post) -> None:
        ann, phone, body = await self._cut_off(at)
        at.at.clock.advance(5)
        later = at.browser()
        assert (await later.login("ann@new.example")).status == 200
        assert (await at.ask("/email/confirm", body, browser=ann)).status == 200
        assert (await phone.refresh()).code == "session-ended"
        assert (await later.refresh()).status == 200
        assert (await at.ask("/email/confirm", body, browser=later)).status == 204


async def test_lost_factors_are_not_removed_before_the_sessions_have_ended() -> None:
    async with post() as at:
        ann = await at.verified()
        at.at.clock.advance(Policy().factor_recovery_wait)
        await enrol(at.at)
        phone = at.browser()
        token = await asked(at, phone)
        at.at.store.before = failing("revoke_all")
        assert (await complete(phone, token)).status == 503
        at.at.store.before = None
        assert await has_app(at), "else the next attempt finds nothing to remove, and ends no session"
        assert (await complete(phone, token)).status == 200
        assert not await has_app(at)
        assert (await ann.refresh()).code == "session-ended"


@pytest.mark.parametrize("verb", ["end_provider_sessions", "revoke"])
async def test_an_identity_is_not_unlinked_before_what_began_with_it_has_ended(at: Post, verb: str) -> None:
    ann = at.browser()
    assert (await ann.register()).status == 201
    gate, account = at.at.gate, await account_of(at.at)
    await gate.identities.link(account.id, IDENTITY)
    account = await account_of(at.at)
    through = ProviderSignIn(IDENTITY.provider, IDENTITY.issuer, IDENTITY.subject, None, at.at.clock.now())
    assert await gate.sessions.sign_in(account, caller=CALLER, remember=True, through=through) is not None
    (linked,) = await gate.identities.list_for_account(account.id)
    at.at.store.before = failing(verb)
    with pytest.raises(StoreUnavailable):
        await gate.identities.unlink(account.id, linked.id)
    at.at.store.before = None
    await gate.identities.unlink(account.id, linked.id)
    (left,) = await gate.sessions.list_for_account(account.id)
    assert left.sid.hex() == ann.sid, "the one that began with the password goes on"


async def test_an_identity_that_is_unlinked_while_it_signs_in_opens_its_account_no_more(at: Post) -> None:
    assert (await at.browser().register()).status == 201
    gate, account = at.at.gate, await account_of(at.at)
    elsewhere = replace(IDENTITY, email="ann@elsewhere.example")
    linked = await gate.identities.link(account.id, elsewhere)

    async def unlink(verb: str) -> None:
        if verb == "use_identity":
            await at.at.memory.remove_identity(linked.id, account_id=account.id, needs_another=True)

    at.at.store.after = unlink
    assert (await gate.identities.account_for(elsewhere)).id != account.id
