"""A forgotten password: what the mailed link does, and all that makes it void."""

from gatepass.core.policy import HOUR
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post

NEW = "eight green bottles on a wall"


async def test_the_link_sets_a_new_password_and_ends_every_session(at: Post, ann: Browser) -> None:
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


async def test_the_link_works_once_and_every_other_one_is_void(at: Post, ann: Browser) -> None:
    tokens = []
    for _ in range(2):
        await at.ask("/password/forgot", {"email": EMAIL})
        tokens.append(await at.token())
        at.at.clock.advance(1)
    assert tokens[0] != tokens[1]
    assert (await at.ask("/password/reset", {"token": tokens[0], "new": NEW})).status == 204
    for token in tokens:
        answer = await at.ask("/password/reset", {"token": token, "new": "nine green bottles on a wall"})
        assert answer.code == "invalid-link"


async def test_a_change_of_the_password_makes_the_link_void(at: Post, ann: Browser) -> None:
    await at.ask("/password/forgot", {"email": EMAIL})
    token = await at.token()
    await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)
    assert (await at.ask("/password/reset", {"token": token, "new": PASSWORD})).code == "invalid-link"


async def test_a_change_of_the_address_makes_the_link_void(at: Post, ann: Browser) -> None:
    """A reader of the old mailbox must not take the account that its owner moved away from it."""
    await at.ask("/password/forgot", {"email": EMAIL})
    reset = await at.token()
    await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
    assert (await at.ask("/email/confirm", {"token": await at.token()}, browser=ann)).status == 200
    assert (await at.ask("/password/reset", {"token": reset, "new": NEW})).code == "invalid-link"


async def test_the_link_expires(at: Post, ann: Browser) -> None:
    await at.ask("/password/forgot", {"email": EMAIL})
    token = await at.token()
    at.at.clock.advance(HOUR // 2)
    assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"


async def test_a_refused_password_leaves_the_link_good(at: Post, ann: Browser) -> None:
    await at.ask("/password/forgot", {"email": EMAIL})
    token = await at.token()
    assert (await at.ask("/password/reset", {"token": token, "new": "short"})).code == "password-too-short"
    assert (await at.ask("/password/reset", {"token": token, "new": NEW})).status == 204


async def test_a_disabled_account_is_not_opened_by_a_link(at: Post, ann: Browser) -> None:
    await at.ask("/password/forgot", {"email": EMAIL})
    token = await at.token()
    (account,) = at.at.memory._accounts.values()
    await at.at.gate.accounts.disable(account.id)
    assert (await at.ask("/password/reset", {"token": token, "new": NEW})).code == "invalid-link"
    at.box.messages.clear()
    await at.ask("/password/forgot", {"email": EMAIL})
    assert await at.mails() == []


async def test_recovery_ends_the_wait_after_wrong_guesses(at: Post, ann: Browser) -> None:
    for _ in range(8):
        await at.browser().login(EMAIL, "wrong wrong wrong")
    assert (await at.browser().login()).status == 429
    await at.ask("/password/forgot", {"email": EMAIL})
    await at.ask("/password/reset", {"token": await at.token(), "new": NEW})
    assert (await at.browser().login(EMAIL, NEW)).status == 200


async def test_a_link_for_one_thing_does_nothing_else(at: Post, ann: Browser) -> None:
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


async def test_no_link_is_in_an_event_or_an_answer(at: Post, ann: Browser) -> None:
    await at.ask("/password/forgot", {"email": EMAIL})
    token = await at.token()
    assert token not in repr(at.at.events)
    answer = await at.ask("/password/reset", {"token": token, "new": NEW})
    assert token not in repr(answer) + repr(at.at.events)


async def test_the_host_header_decides_no_link(at: Post, ann: Browser) -> None:
    headers = [("gatepass-client", "1"), ("host", "evil.example"), ("x-forwarded-host", "evil.example")]
    await at.browser().send("POST", "/password/forgot", body={"email": EMAIL}, headers=headers)
    (mail,) = await at.mails()
    assert "https://gate.example/reset#token=gp_pr_" in mail.text
    assert "evil" not in mail.text
