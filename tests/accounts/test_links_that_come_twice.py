"""A mailed link that comes twice: the answer was lost, a button was pressed twice, a page ran its effect twice.

What the link asks for holds already, so the second request gets the answer of the first, and changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import DAY, Policy
from gatepass.errors import StoreUnavailable
from tests.support.asgi import call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post, post

NEW = "eight green bottles on a wall"
OTHER = "nine green bottles on a wall"


class TestVerifying:
    @pytest.fixture
    async def at(self) -> AsyncIterator[Post]:
        async with post() as made:
            yield made

    async def test_two_at_once_make_one_account_and_both_sign_in(self, at: Post) -> None:
        await at.browser().register()
        body = {"token": await at.token(), "password": PASSWORD}
        answers = await asyncio.gather(*(at.ask("/verify", body) for _ in range(2)))
        assert [answer.status for answer in answers] == [201, 201]
        assert answers[0].json()["account"] == answers[1].json()["account"]
        assert len(at.at.memory._accounts) == 1
        assert len(at.at.named("user_created")) == 1

    async def test_one_whose_answer_was_lost_signs_in_when_it_is_sent_again(self, at: Post) -> None:
        await at.browser().register()
        body = {"token": await at.token(), "password": PASSWORD}
        lost = await at.ask("/verify", body)
        again = await at.ask("/verify", body)
        assert (again.status, again.json()["account"]) == (201, lost.json()["account"])

    async def test_without_the_password_it_opens_nothing_and_the_guesses_are_counted(self, at: Post) -> None:
        await at.verified()
        token = await at.token()
        guesses = [await at.ask("/verify", {"token": token, "password": f"guess {n}"}) for n in range(6)]
        assert [guess.status for guess in guesses] == [401] * 5 + [429]

    async def test_it_opens_no_account_that_went_on_since(self, at: Post) -> None:
        """Another address, another password, a closed account: the link is about none of them."""
        ann = await at.verified()
        token = await at.token()
        assert (await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)).status == 200
        for password in (PASSWORD, NEW):
            assert (await at.ask("/verify", {"token": token, "password": password})).code == "invalid-link"

    async def test_it_opens_no_account_of_another_registration(self, at: Post) -> None:
        await at.browser().register(EMAIL, "the password of a stranger")
        strangers = await at.token()
        await at.verified()
        for password in (PASSWORD, "the password of a stranger"):
            assert (await at.ask("/verify", {"token": strangers, "password": password})).code == "invalid-link"

    async def test_it_expires_as_ever(self, at: Post) -> None:
        await at.verified()
        token = await at.token()
        at.at.clock.advance(DAY)
        assert (await at.ask("/verify", {"token": token, "password": PASSWORD})).code == "invalid-link"


class TestSettingAPassword:
    @pytest.fixture
    async def at(self) -> AsyncIterator[Post]:
        async with post(policy=Policy(registration="open")) as made:
            assert (await made.browser().register()).status == 201
            assert (await made.ask("/password/forgot", {"email": EMAIL})).status == 202
            yield made

    async def test_two_at_once_with_one_password_are_both_done(self, at: Post) -> None:
        body = {"token": await at.token(), "new": NEW}
        answers = await asyncio.gather(*(at.ask("/password/reset", body) for _ in range(2)))
        assert [answer.status for answer in answers] == [204, 204]
        assert len(at.at.named("authn_password_reset")) == 1
        assert (await at.browser().login(EMAIL, NEW)).status == 200

    async def test_two_at_once_with_two_passwords_set_one_of_them(self, at: Post) -> None:
        token = await at.token()
        answers = await asyncio.gather(
            *(at.ask("/password/reset", {"token": token, "new": new}) for new in (NEW, OTHER))
        )
        logins = [await at.browser().login(EMAIL, new) for new in (NEW, OTHER)]
        assert sorted(answer.status for answer in answers) == [204, 422]
        assert [login.status == 200 for login in logins] == [answer.status == 204 for answer in answers]

    async def test_one_whose_answer_was_lost_is_done_when_it_is_sent_again_and_ends_no_session(self, at: Post) -> None:
        body = {"token": await at.token(), "new": NEW}
        assert (await at.ask("/password/reset", body)).status == 204
        ann = at.browser()
        await ann.login(EMAIL, NEW)
        assert (await at.ask("/password/reset", body)).status == 204
        assert (await ann.get("/me")).status == 200

    async def test_it_sets_no_other_password_and_guesses_are_counted(self, at: Post) -> None:
        """A later reader of the mail learns no more than from the form to sign in."""
        token = await at.token()
        await at.ask("/password/reset", {"token": token, "new": NEW})
        bodies = [{"token": token, "new": f"{OTHER} {number}"} for number in range(6)]
        answers = [await at.ask("/password/reset", body) for body in bodies]
        assert [answer.code for answer in answers] == ["invalid-link"] * 5 + ["too-many-attempts"]
        assert len(at.at.named("authn_password_reset")) == 1


class TestTakingAnAddress:
    @pytest.fixture
    async def at(self) -> AsyncIterator[Post]:
        async with post(policy=Policy(registration="open")) as made:
            yield made

    @pytest.fixture
    async def ann(self, at: Post) -> Browser:
        browser = at.browser()
        assert (await browser.register()).status == 201
        body = {"email": "ann@new.example", "password": PASSWORD}
        assert (await at.ask("/email", body, browser=browser)).status == 202
        return browser

    async def test_two_at_once_are_both_done_and_it_changes_once(self, at: Post, ann: Browser) -> None:
        token = await at.token()
        answers = await asyncio.gather(*(at.ask("/email/confirm", {"token": token}, browser=ann) for _ in range(2)))
        assert sorted(answer.status for answer in answers) == [200, 204]
        assert len(at.at.named("user_email_change")) == 1
        assert (await ann.get("/me")).json()["email"] == "ann@new.example"

    async def test_one_that_is_followed_again_is_done_and_changes_nothing(self, at: Post, ann: Browser) -> None:
        token = await at.token()
        for status in (200, 204):
            assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).status == status
        assert len(at.at.named("user_email_change")) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_scanner_of_mail_that_looks_at_what_it_finds_uses_up_no_link(method: str) -> None:
    async with post() as at:
        await at.browser().register()
        token = await at.token()
        for path in ("/verify", f"/verify/{token}"):
            await call(at.at.gate.asgi, method, path, query=f"token={token}".encode())
        assert (await at.ask("/verify", {"token": token, "password": PASSWORD})).status == 201


async def test_a_store_that_fails_on_the_way_leaves_the_link_good() -> None:
    async with post(policy=Policy(registration="open")) as at:
        await at.browser().register()
        await at.ask("/password/forgot", {"email": EMAIL})
        body = {"token": await at.token(), "new": NEW}
        for verb in ("count_failure", "change_password", "verify_account"):

            async def fail(called: str, verb: str = verb) -> None:
                if called == verb:
                    raise StoreUnavailable

            at.at.store.before = fail
            assert (await at.ask("/password/reset", body)).status == 503, verb
        at.at.store.before = None
        assert (await at.ask("/password/reset", body)).status == 204
        (account,) = at.at.memory._accounts.values()
        assert (account.credential_version, account.verified_at) == (2, at.at.clock.now())
