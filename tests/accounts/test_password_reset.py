"""A forgotten password, another address, the end of an account."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import HOUR, Policy
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post, post

NEW = "eight green bottles on a wall"


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made


@pytest.fixture
async def ann(at: Post) -> Browser:
    browser = at.browser()
    assert (await browser.register()).status == 201
    return browser


class TestReset:
    async def test_the_link_sets_a_new_password_and_ends_every_session(self, at: Post, ann: Browser) -> None:
        assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
        answer = await at.ask("/password/reset", {"token": await at.token(), "new": NEW})
        assert (answer.status, answer.cookies) == (204, []), "nobody is signed in by it"
        assert (await ann.get("/me")).status == 401
        assert (await ann.refresh()).json()["reason"] == "revoked"
        assert (await at.browser().login()).status == 401
        assert (await at.browser().login(EMAIL, NEW)).status == 200
        assert (EMAIL, "Your password") in await at.subjects()
        assert len(at.at.named("authn_password_reset")) == 1
        (account,) = at.at.memory._accounts.values()
        assert (account.credential_version, account.verified_at) == (2, at.at.clock.now())

    async def test_the_link_works_once_and_every_other_one_is_void(self, at: Post, ann: Browser) -> None:
        tokens = []
        for _ in range(2):
            await at.ask("/password/forgot", {"email": EMAIL})
            tokens.append(await at.token())
            at.at.clock.advance(1)
        assert tokens[0] != tokens[1]
        assert (await at.ask("/password/reset", {"token": tokens[0], "new": NEW})).status == 204
        for token in tokens:
            assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"

    async def test_a_change_of_the_password_makes_the_link_void(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)
        assert (await at.ask("/password/reset", {"token": token, "new": PASSWORD})).code == "invalid-link"

    async def test_the_link_expires(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        at.at.clock.advance(HOUR // 2)
        assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"

    async def test_a_refused_password_leaves_the_link_good(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        assert (await at.ask("/password/reset", {"token": token, "new": "short"})).code == "password-too-short"
        assert (await at.ask("/password/reset", {"token": token, "new": NEW})).status == 204

    async def test_a_disabled_account_is_not_opened_by_a_link(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        (account,) = at.at.memory._accounts.values()
        await at.at.gate.accounts.disable(account.id)
        assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"
        at.box.messages.clear()
        await at.ask("/password/forgot", {"email": EMAIL})
        assert await at.mails() == []

    async def test_recovery_ends_the_wait_after_wrong_guesses(self, at: Post, ann: Browser) -> None:
        for _ in range(8):
            await at.browser().login(EMAIL, "wrong wrong wrong")
        assert (await at.browser().login()).status == 429
        await at.ask("/password/forgot", {"email": EMAIL})
        await at.ask("/password/reset", {"token": await at.token(), "new": NEW})
        assert (await at.browser().login(EMAIL, NEW)).status == 200

    async def test_a_link_for_one_thing_does_nothing_else(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        reset = await at.token()
        await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
        move = await at.token()
        for token, path, body in (
            (reset, "/verify", {"password": PASSWORD}),
            (reset, "/email/confirm", {}),
            (move, "/verify", {"password": PASSWORD}),
            (move, "/password/reset", {"new": NEW}),
            (move.replace("gp_vt_", "gp_pr_"), "/password/reset", {"new": NEW}),
        ):
            answer = await at.ask(path, {"token": token, **body}, browser=ann)
            assert answer.code == "invalid-link", (path, token)

    async def test_no_link_is_in_an_event_or_an_answer(self, at: Post, ann: Browser) -> None:
        await at.ask("/password/forgot", {"email": EMAIL})
        token = await at.token()
        assert token not in repr(at.at.events)
        answer = await at.ask("/password/reset", {"token": token, "new": NEW})
        assert token not in repr(answer) + repr(at.at.events)

    async def test_the_host_header_decides_no_link(self, at: Post, ann: Browser) -> None:
        headers = [("gatepass-client", "1"), ("host", "evil.example"), ("x-forwarded-host", "evil.example")]
        await at.browser().send("POST", "/password/forgot", body={"email": EMAIL}, headers=headers)
        (mail,) = await at.mails()
        assert "https://gate.example/reset#token=gp_pr_" in mail.text
        assert "evil" not in mail.text


class TestMove:
    async def test_the_new_address_is_taken_once_it_is_confirmed(self, at: Post, ann: Browser) -> None:
        asked = await at.ask("/email", {"email": "Ann@New.example", "password": PASSWORD}, browser=ann)
        assert asked.status == 202
        assert await at.subjects() == [
            (EMAIL, "A new address"),
            ("Ann@new.example", "Confirm your new address"),
        ] or await at.subjects() == [("Ann@new.example", "Confirm your new address"), (EMAIL, "A new address")]
        assert (await ann.get("/me")).json()["email"] == EMAIL
        assert (await at.ask("/email/confirm", {"token": await at.token()}, browser=ann)).status == 204
        assert (await ann.get("/me")).json()["email"] == "Ann@new.example"
        assert (await at.browser().login()).status == 401
        assert (await at.browser().login("ann@NEW.example")).status == 200
        assert (await at.subjects())[-1] == (EMAIL, "Your address")
        assert len(at.at.named("user_email_change")) == 1

    async def test_the_password_is_asked_for_and_throttled(self, at: Post, ann: Browser) -> None:
        body = {"email": "ann@new.example", "password": "wrong wrong wrong"}
        statuses = [(await at.ask("/email", body, browser=ann)).status for _ in range(6)]
        assert statuses == [403] * 5 + [429]
        assert await at.mails() == []

    async def test_the_link_is_good_for_its_own_account_alone(self, at: Post, ann: Browser) -> None:
        """Else a stranger has your address confirmed for an account of theirs."""
        eve = at.browser()
        await eve.register("eve@example.com")
        await at.ask("/email", {"email": "victim@example.com", "password": PASSWORD}, browser=eve)
        token = await at.token()
        assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"
        assert (await at.ask("/email/confirm", {"token": token})).code == "token-required"

    async def test_a_taken_address_is_answered_alike_and_its_owner_told(self, at: Post, ann: Browser) -> None:
        await at.browser().register("bob@example.com")
        for email in ("bob@example.com", "free@example.com"):
            answer = await at.ask("/email", {"email": email, "password": PASSWORD}, browser=ann)
            assert (answer.status, answer.body) == (202, b"")
        assert ("bob@example.com", "You have an account at gate.example") in await at.subjects()

    async def test_a_link_is_void_when_the_address_was_taken_meanwhile_or_the_password_changed(
        self, at: Post, ann: Browser
    ) -> None:
        await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
        token = await at.token()
        await at.browser().register("ann@new.example")
        assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"
        await at.ask("/email", {"email": "ann@other.example", "password": PASSWORD}, browser=ann)
        token = await at.token()
        await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)
        assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"

    async def test_a_used_link_does_not_work_again_after_moving_back(self, at: Post, ann: Browser) -> None:
        tokens = []
        for email in ("ann@new.example", EMAIL):
            await at.ask("/email", {"email": email, "password": PASSWORD}, browser=ann)
            tokens.append(await at.token())
            assert (await at.ask("/email/confirm", {"token": tokens[-1]}, browser=ann)).status == 204
        for token in tokens:
            assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"


class TestDelete:
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


async def test_a_changed_password_is_told_by_mail(at: Post, ann: Browser) -> None:
    assert (await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)).status == 204
    assert await at.subjects() == [(EMAIL, "Your password")]
