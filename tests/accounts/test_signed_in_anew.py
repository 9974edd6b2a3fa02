"""A proven password throws every device out, the copy of this one too, and the answer signs this one in anew."""

import pytest

from gatepass.core.policy import Policy
from tests.support.browser import EMAIL, PASSWORD, STATE, Browser
from tests.support.gates import GateHarness
from tests.support.mail import post

NEW = "eight green bottles on a wall"


async def changed(browser: Browser, **more: object) -> int:
    return (await browser.enter("/password", current=PASSWORD, new=NEW, **more)).status


async def test_a_changed_password_ends_every_session_and_answers_as_a_sign_in_does(
    at: GateHarness, ann: Browser
) -> None:
    phone = Browser(at.gate.asgi)
    await phone.login()
    before, copy = ann.sid, ann.clone(key=ann.key)
    ann.key = b"n" * 32
    answer = await ann.enter("/password", current=PASSWORD, new=NEW)
    assert answer.status == 200
    assert set(answer.json()) == {
        "access_token",
        "token_type",
        "expires_in",
        "session_id",
        "refresh_generation",
        "refresh_challenge",
        "account",
    }
    assert ann.sid == answer.json()["session_id"] != before
    for other in (phone, copy):
        assert (await other.get("/me")).status == 401
        assert (await other.refresh()).json()["reason"] == "revoked"
    assert [(await ann.get("/me")).status, (await ann.refresh()).status] == [200, 200]
    (entry,) = (await ann.get("/sessions")).json()["sessions"]
    assert (entry["bound"], entry["methods"], entry["current"]) == ("key", ["pwd"], True)


async def test_a_profile_that_was_copied_with_its_key_is_of_no_use_after_it(at: GateHarness, ann: Browser) -> None:
    thief = ann.clone(key=ann.key)
    assert (await thief.refresh()).status == 200, "that is the danger"
    ann.key = b"n" * 32
    assert await changed(ann) == 200
    assert (await thief.refresh()).status == 401
    assert (await ann.refresh()).status == 200


@pytest.mark.parametrize("remember", [True, False])
async def test_the_new_session_lasts_as_the_old_one_did(at: GateHarness, remember: bool) -> None:
    browser = Browser(at.gate.asgi)
    await browser.register(remember=remember)
    answer = await browser.enter("/password", current=PASSWORD, new=NEW)
    assert ("Max-Age" in answer.cookie(STATE).marks) is remember


async def test_without_a_key_the_new_session_is_unbound(at: GateHarness, ann: Browser) -> None:
    ann.key = None
    assert await changed(ann) == 200
    assert (await ann.get("/sessions")).json()["sessions"][0]["bound"] == "no"


async def test_a_wrong_password_ends_nothing(at: GateHarness, ann: Browser) -> None:
    answer = await ann.enter("/password", current="wrong wrong wrong", new=NEW)
    assert (answer.status, answer.code, answer.cookies) == (403, "invalid-credentials", [])
    assert (await ann.refresh()).status == 200


async def test_it_ends_also_a_session_whose_row_is_lost(at: GateHarness, ann: Browser) -> None:
    lost = ann.clone(key=ann.key)
    at.memory.rows().clear()
    assert await changed(ann) == 200
    assert (await lost.get("/me")).status == 401


async def test_a_confirmed_address_ends_every_session_and_begins_one() -> None:
    async with post(policy=Policy(registration="open")) as at:
        ann, phone = at.browser(), at.browser()
        await ann.register()
        await phone.login()
        await at.ask("/email", {"email": "ann@new.example", "password": PASSWORD}, browser=ann)
        before = ann.sid
        answer = await ann.enter("/email/confirm", token=await at.token())
        assert (answer.status, answer.json()["account"]["email"]) == (200, "ann@new.example")
        assert ann.sid != before
        assert (await phone.refresh()).json()["reason"] == "revoked"
        assert (await ann.refresh()).status == 200
        assert (await at.browser().login(EMAIL)).status == 401


async def test_a_sign_in_in_place_replaces_what_lay_in_the_jar(at: GateHarness, ann: Browser) -> None:
    copy = ann.clone(key=ann.key)
    assert (await ann.login()).status == 200
    assert (await copy.refresh()).json()["reason"] == "replaced"
