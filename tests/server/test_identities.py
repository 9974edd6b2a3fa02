"""The identities of an account over HTTP, and what its owner does without a password."""

from collections.abc import AsyncIterator

import pytest

from gatepass.accounts.identities import Identity
from gatepass.core.identity import ProviderSignIn
from gatepass.core.policy import MINUTE, Policy
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.sessions.service import Caller
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post, post

GOOGLE = Identity("google", "https://accounts.google.example", "110", EMAIL, email_verified=True)
WORK = Identity("work", "https://login.work.example", "7", "ann@work.example", email_verified=True)
CALLER = Caller("Firefox on Linux", "192.0.2.0/24")


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made


async def at_provider(at: Post, identity: Identity = GOOGLE) -> Browser:
    """A person who has signed in at a provider just now, with an access token."""
    account = await at.at.gate.identities.account_for(identity)
    through = ProviderSignIn(identity.provider, identity.issuer, identity.subject, "there", at.at.clock.now())
    grant = await at.at.gate.sessions.sign_in(account, caller=CALLER, remember=True, through=through)
    assert grant is not None
    browser = at.browser()
    browser.access_token = grant.access_token or ""
    return browser


async def registered(at: Post) -> tuple[Browser, str]:
    """A person with a password, and the id of the account."""
    browser = at.browser()
    assert (await browser.register()).status == 201
    return browser, str((await browser.get("/me")).json()["id"])


async def delete(browser: Browser, identity_id: str) -> tuple[int, str | None]:
    answer = await browser.send("DELETE", f"/identities/{identity_id}", headers=[browser.bearer])
    return answer.status, answer.code if answer.body else None


class TestTheList:
    async def test_the_owner_sees_which_identities_sign_in(self, at: Post) -> None:
        ann = await at_provider(at)
        (listed,) = (await ann.get("/identities")).json()["identities"]
        assert set(listed) == {"id", "provider", "issuer", "email", "created_at", "last_used_at"}
        assert (listed["provider"], listed["email"]) == ("google", EMAIL)
        me = (await ann.get("/me")).json()
        assert (me["password"], me["identities"]) == (False, 1)

    async def test_an_account_with_a_password_says_so(self, at: Post) -> None:
        ann, account_id = await registered(at)
        me = (await ann.get("/me")).json()
        assert (me["password"], me["identities"]) == (True, 0)
        await at.at.gate.identities.link(account_id, GOOGLE)
        assert (await ann.get("/me")).json()["identities"] == 1

    async def test_a_stranger_sees_none(self, at: Post) -> None:
        assert (await at.browser().send("GET", "/identities")).code == "token-required"
        assert (await at.browser().send("DELETE", f"/identities/{'0' * 32}")).code == "token-required"


class TestUnlinking:
    async def test_it_ends_the_other_sessions_that_began_with_it(self, at: Post) -> None:
        phone, ann = await at_provider(at), await at_provider(at)
        account_id = (await ann.get("/me")).json()["id"]
        at.at.clock.advance(1)
        await at.at.gate.identities.link(account_id, WORK)
        google, work = (await ann.get("/identities")).json()["identities"]
        assert await delete(ann, google["id"]) == (204, None)
        assert (await ann.get("/identities")).json()["identities"] == [work]
        assert (await phone.get("/me")).code == "invalid-token"
        assert await delete(ann, google["id"]) == (404, "not-found")

    async def test_the_last_way_in_stays(self, at: Post) -> None:
        ann = await at_provider(at)
        (only,) = (await ann.get("/identities")).json()["identities"]
        assert await delete(ann, only["id"]) == (409, "last-way-in")
        await at.ask("/password/forgot", {"email": EMAIL})
        await at.ask("/password/reset", {"token": await at.token(), "new": PASSWORD})
        browser = at.browser()
        assert (await browser.login()).status == 200
        assert await delete(browser, only["id"]) == (204, None)

    async def test_it_needs_a_recent_sign_in_whatever_the_policy_says(self, at: Post) -> None:
        ann, account_id = await registered(at)
        linked = await at.at.gate.identities.link(account_id, GOOGLE)
        at.at.clock.advance(WAYS_IN_MAX_AGE + 1)
        assert (await ann.refresh()).status == 200
        assert await delete(ann, linked.id) == (401, "insufficient-user-authentication")
        assert len((await ann.get("/identities")).json()["identities"]) == 1

    async def test_the_policy_may_ask_for_less_time(self) -> None:
        async with post(policy=Policy(registration="open", recent_sign_in=MINUTE)) as at:
            ann, account_id = await registered(at)
            linked = await at.at.gate.identities.link(account_id, GOOGLE)
            at.at.clock.advance(MINUTE + 1)
            assert (await ann.refresh()).status == 200
            assert await delete(ann, linked.id) == (401, "insufficient-user-authentication")

    async def test_the_identity_of_another_account_is_not_found(self, at: Post) -> None:
        await at_provider(at, WORK)
        (account,) = at.at.memory._accounts.values()
        (theirs,) = await at.at.gate.identities.list_for_account(account.id)
        ann, _ = await registered(at)
        for identity_id in (theirs.id, "0" * 32, "%00", "x"):
            assert (await delete(ann, identity_id))[0] == 404
        assert len(await at.at.gate.identities.list_for_account(account.id)) == 1


class TestWithoutAPassword:
    async def test_the_account_is_deleted_after_a_recent_sign_in(self, at: Post) -> None:
        ann = await at_provider(at)
        old = await at_provider(at)
        at.at.clock.advance(WAYS_IN_MAX_AGE + 1)
        answer = await at.ask("/account/delete", None, browser=old)
        assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
        ann = await at_provider(at)
        assert (await at.ask("/account/delete", {"password": PASSWORD}, browser=ann)).code == "invalid-credentials"
        assert (await at.ask("/account/delete", None, browser=ann)).status == 204
        assert at.at.memory._accounts == {}

    async def test_so_is_the_address_changed(self, at: Post) -> None:
        ann = await at_provider(at)
        assert (await at.ask("/email", {"email": "ann@new.example"}, browser=ann)).status == 202
        assert (await at.ask("/email/confirm", {"token": await at.token()}, browser=ann)).status == 200
        at.at.clock.advance(WAYS_IN_MAX_AGE + 1)
        assert (await ann.refresh()).status == 200
        answer = await at.ask("/email", {"email": "ann@other.example"}, browser=ann)
        assert (answer.status, answer.code) == (401, "insufficient-user-authentication")

    async def test_who_has_a_password_must_bring_it(self, at: Post) -> None:
        ann, _ = await registered(at)
        assert (await at.ask("/account/delete", None, browser=ann)).code == "malformed-json"
        for path, body in (("/account/delete", {}), ("/email", {"email": "a@new.example"})):
            answer = await at.ask(path, body, browser=ann)
            assert (answer.status, answer.code) == (422, "invalid-body"), path
            assert answer.json()["errors"][0]["field"] == "password"
        answer = await at.ask("/account/delete", {"password": None}, browser=ann)
        assert (answer.status, answer.code) == (422, "invalid-body"), "null is no absent member"

    async def test_a_password_cannot_be_changed_where_there_is_none(self, at: Post) -> None:
        ann = await at_provider(at)
        answer = await at.ask("/password", {"current": "!", "new": PASSWORD}, browser=ann)
        assert (answer.status, answer.code) == (403, "invalid-credentials")
