"""An administrator closes an account, or its owner recovers it, while a request about it is under way.

What was prepared under the earlier state of the account, a mailed link or a password that was verified, decides nothing
afterwards.
"""

import pytest

from gatepass.core.account import Account
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post

NEW = "eight green bottles on a wall"


async def reset_link(at: Post) -> str:
    assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
    return await at.token()


def account(at: Post) -> Account:
    (found,) = at.at.memory._accounts.values()
    return found


async def close(at: Post) -> None:
    assert await at.at.gate.accounts.disable(account(at).id)


async def open_again(at: Post) -> None:
    assert await at.at.gate.accounts.enable(account(at).id)


async def test_no_link_from_before_an_account_was_closed_works_after_it_is_open_again(at: Post, ann: Browser) -> None:
    """It was closed because others read the mailbox: what lies there must not open it."""
    reset = await reset_link(at)
    await at.ask("/email", {"email": "thief@example.com", "password": PASSWORD}, browser=ann)
    move = await at.token()
    await close(at)
    await open_again(at)
    back = at.browser()
    assert (await back.login()).status == 200
    assert (await at.ask("/password/reset", {"token": reset, "new": NEW})).code == "invalid-link"
    assert (await at.ask("/email/confirm", {"token": move}, browser=back)).code == "invalid-link"


@pytest.mark.parametrize("verb", ["change_password", "change_email"])
async def test_a_change_that_was_under_way_when_the_account_was_closed_is_not_made(
    at: Post, ann: Browser, verb: str
) -> None:
    token = await reset_link(at)
    if verb == "change_email":
        await at.ask("/email", {"email": "thief@example.com", "password": PASSWORD}, browser=ann)
        token = await at.token()

    async def close_first(called: str) -> None:
        if called == verb:
            at.at.store.before = None
            await close(at)

    at.at.store.before = close_first
    path, body = {
        "change_password": ("/password/reset", {"token": token, "new": NEW}),
        "change_email": ("/email/confirm", {"token": token}),
    }[verb]
    assert (await at.ask(path, body, browser=ann)).code == "invalid-link"
    assert account(at).email_key == EMAIL
    await open_again(at)
    assert (await at.browser().login()).status == 200, "the password is the one of before"


@pytest.mark.parametrize("path", ["reset", "closed"])
async def test_a_password_that_was_verified_before_deletes_nothing_after(at: Post, ann: Browser, path: str) -> None:
    """A thief with the old password deletes the account while its owner takes it back."""
    token = await reset_link(at)

    async def decide_first(called: str) -> None:
        if called == "delete_account":
            at.at.store.before = None
            if path == "closed":
                await close(at)
            else:
                assert (await at.ask("/password/reset", {"token": token, "new": NEW})).status == 204

    at.at.store.before = decide_first
    answer = await at.ask("/account", {"password": PASSWORD}, browser=ann, method="DELETE")
    assert (answer.status, answer.code, answer.cookies) == (409, "password-changed", [])
    assert account(at).email == EMAIL


async def test_an_administrator_deletes_whatever_its_state(at: Post, ann: Browser) -> None:
    found = account(at)
    await close(at)
    assert await at.at.gate.accounts.delete(found.id)


async def test_of_two_deletions_at_once_the_second_is_done_too(at: Post, ann: Browser) -> None:
    async def delete_first(called: str) -> None:
        if called == "delete_account":
            at.at.store.before = None
            assert await at.at.gate.accounts.delete(account(at).id)

    at.at.store.before = delete_first
    answer = await at.ask("/account", {"password": PASSWORD}, browser=ann, method="DELETE")
    assert answer.status == 204
    assert len(at.at.named("user_deleted")) == 1
