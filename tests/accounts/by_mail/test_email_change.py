"""Another address: needs the password, the mailed link, and a session of the same account."""

from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.mail import Post

NEW = "eight green bottles on a wall"


async def test_the_new_address_is_taken_once_it_is_confirmed(at: Post, ann: Browser) -> None:
    asked = await at.ask("/email", {"email": "Ann@New.example", "password": PASSWORD}, browser=ann)
    assert asked.status == 202
    assert await at.subjects() == [
        (EMAIL, "A new address"),
        ("Ann@new.example", "Confirm your new address"),
    ] or await at.subjects() == [("Ann@new.example", "Confirm your new address"), (EMAIL, "A new address")]
    assert (await ann.get("/me")).json()["email"] == EMAIL
    assert (await at.ask("/email/confirm", {"token": await at.token()}, browser=ann)).status == 200
    assert (await ann.get("/me")).json()["email"] == "Ann@new.example"
    assert (await at.browser().login()).status == 401
    assert (await at.browser().login("ann@NEW.example")).status == 200
    assert (await at.subjects())[-1] == (EMAIL, "Your address")
    assert len(at.at.named("user_email_change")) == 1


async def test_the_password_is_asked_for_and_throttled(at: Post, ann: Browser) -> None:
    body = {"email": "ann@new.example", "password": "wrong wrong wrong"}
    statuses = [(await at.ask("/email", body, browser=ann)).status for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    assert await at.mails() == []


async def test_the_link_is_good_for_its_own_account_alone(at: Post, ann: Browser) -> None:
    """Else a stranger has your address confirmed for an account of theirs."""
    eve = at.browser()
    await eve.register("eve@example.com")
    await at.ask("/email", {"email": "victim@example.com", "password": PASSWORD}, browser=eve)
    token = await at.token()
    assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"
    assert (await at.ask("/email/confirm", {"token": token})).code == "token-required"


async def test_a_taken_address_is_answered_alike_and_its_owner_told(at: Post, ann: Browser) -> None:
    await at.browser().register("bob@example.com")
    for email in ("bob@example.com", "free@example.com"):
        answer = await at.ask("/email", {"email": email, "password": PASSWORD}, browser=ann)
        assert (answer.status, answer.body) == (202, b"")
    assert ("bob@example.com", "You have an account at gate.example") in await at.subjects()


async def test_a_link_is_void_when_the_address_was_taken_meanwhile_or_the_password_changed(
    at: Post, ann: Browser
) -> None:
    await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
    token = await at.token()
    await at.browser().register("ann@new.example")
    assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"
    await at.ask("/email", {"email": "ann@other.example", "password": PASSWORD}, browser=ann)
    token = await at.token()
    await at.ask("/password", {"current": PASSWORD, "new": NEW}, browser=ann)
    assert (await at.ask("/email/confirm", {"token": token}, browser=ann)).code == "invalid-link"


async def test_a_reset_of_the_password_makes_the_link_void(at: Post, ann: Browser) -> None:
    """A thief has asked for another address; the owner recovers the account before the link is followed."""
    await at.ask("/email", {"email": "thief@example.com", "password": PASSWORD}, browser=ann)
    move = await at.token()
    await at.ask("/password/forgot", {"email": EMAIL})
    assert (await at.ask("/password/reset", {"token": await at.token(), "new": NEW})).status == 204
    back = at.browser()
    assert (await back.login(EMAIL, NEW)).status == 200
    assert (await at.ask("/email/confirm", {"token": move}, browser=back)).code == "invalid-link"


async def test_an_owner_may_spell_the_address_of_before_in_other_letters(at: Post, ann: Browser) -> None:
    assert (await at.ask("/email", {"email": "Ann@EXAMPLE.com", "password": PASSWORD}, browser=ann)).status == 202
    assert (await at.ask("/email/confirm", {"token": await at.token()}, browser=ann)).status == 200
    assert (await ann.get("/me")).json()["email"] == "Ann@example.com"
    assert (await at.browser().login()).status == 200


async def test_a_used_link_does_not_work_again_after_moving_back(at: Post, ann: Browser) -> None:
    tokens = []
    for email in ("ann@new.example", EMAIL):
        await at.ask("/email", {"email": email, "password": PASSWORD}, browser=ann)
        tokens.append(await at.token())
        assert (await at.ask("/email/confirm", {"token": tokens[-1]}, browser=ann)).status == 200
    assert (await at.ask("/email/confirm", {"token": tokens[0]}, browser=ann)).code == "invalid-link"
    assert (await at.ask("/email/confirm", {"token": tokens[1]}, browser=ann)).status == 204, "it has that address"
    assert len(at.at.named("user_email_change")) == 2
