"""An authenticator app and recovery codes over HTTP, and what the owner is told of each."""

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import pytest

from gatepass.core.authentication import Authentication
from gatepass.core.hook_facts import HookFacts
from gatepass.core.policy import HOUR, Policy
from gatepass.core.secret import Secret
from gatepass.core.totp import PERIOD
from gatepass.errors import ConfigurationError, InvalidCode, Refused
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.sessions.service import Caller
from gatepass.testing.totp import totp_code
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, Browser
from tests.support.mail import Post, post

WRONG = "12345x"
"""No code, so that none is guessed by chance."""


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made


async def signed_up(at: Post) -> Browser:
    browser = at.browser()
    assert (await browser.register()).status == 201
    return browser


async def ask(at: Post, browser: Browser, path: str, body: object = None, *, method: str = "POST") -> Answer:
    return await at.ask(path, {} if body is None else body, browser=browser, method=method)


async def enrolled(at: Post) -> tuple[Browser, str, list[str]]:
    """A person with an app: the browser, the secret and the recovery codes. The session began with the password alone,
    so the account's factors ask it for more from here on."""
    ann = await signed_up(at)
    secret = (await ask(at, ann, "/totp")).json()["secret"]
    answer = await ask(at, ann, "/totp/confirm", {"code": totp_code(secret, at=at.at.clock.now())})
    assert answer.status == 200, answer.body
    at.at.clock.advance(PERIOD)
    return ann, secret, answer.json()["recovery_codes"]


async def strong(at: Post) -> Browser:
    """A session of the account that began with several factors."""
    account = await at.at.gate.accounts.find_by_address(EMAIL)
    assert account is not None
    browser = at.browser()
    grant = await at.at.gate.sessions.sign_in(
        account, caller=Caller("Firefox on Linux", ""), remember=True, how=Authentication(("pwd", "otp", "mfa"), "mfa")
    )
    assert grant is not None
    browser.access_token = grant.access_token or ""
    return browser


async def test_a_secret_comes_as_text_uri_and_qr_code_and_counts_once_its_code_has_come(at: Post) -> None:
    ann = await signed_up(at)
    setup = (await ask(at, ann, "/totp")).json()
    assert setup["uri"].startswith("otpauth://totp/")
    assert f"secret={setup['secret']}" in setup["uri"]
    drawn = ElementTree.fromstring(setup["qr"])
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert (await ann.get("/factors")).json()["totp"] is None
    wrong = await ask(at, ann, "/totp/confirm", {"code": WRONG})
    assert (wrong.status, wrong.code) == (403, "invalid-code")
    right = await ask(at, ann, "/totp/confirm", {"code": totp_code(setup["uri"], at=at.at.clock.now())})
    assert len(set(right.json()["recovery_codes"])) == 10
    assert right.one("cache-control").startswith("no-store")
    listed = (await ann.get("/factors")).json()
    assert listed == {
        "passkeys": [],
        "totp": {"created_at": at.at.clock.now()},
        "recovery_codes": 10,
        "policy": "optional",
        "enrol_by": None,
        "recovery": None,
    }


async def test_without_the_extra_there_is_no_qr_code_and_all_else(at: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.factors.qr.segno", None)
    ann = await signed_up(at)
    setup = (await ask(at, ann, "/totp")).json()
    assert (setup["qr"], len(setup["secret"])) == (None, 32)


async def test_an_account_with_an_app_wants_it_for_every_change_of_its_factors(at: Post) -> None:
    ann, _, _ = await enrolled(at)
    for method, path in (("DELETE", "/totp"), ("POST", "/recovery-codes"), ("POST", "/totp")):
        refused = await ask(at, ann, path, method=method)
        assert (refused.status, refused.code) == (401, "insufficient-user-authentication")
        assert refused.json()["acr_values"] == "mfa"
    assert (await ann.get("/factors")).status == 200


async def test_it_needs_a_recent_sign_in(at: Post) -> None:
    ann = await signed_up(at)
    at.at.clock.advance(WAYS_IN_MAX_AGE + 1)
    for method, path in (("POST", "/totp"), ("DELETE", "/totp"), ("POST", "/recovery-codes")):
        refused = await ask(at, ann, path, method=method)
        assert (refused.code, refused.json()["max_age"]) == ("insufficient-user-authentication", WAYS_IN_MAX_AGE)


async def test_with_it_the_owner_renews_the_codes_and_removes_the_app(at: Post) -> None:
    _, _, codes = await enrolled(at)
    ann = await strong(at)
    fresh = (await ask(at, ann, "/recovery-codes")).json()["recovery_codes"]
    assert not set(fresh) & set(codes)
    ann = await strong(at)
    assert (await ask(at, ann, "/totp", method="DELETE")).status == 204
    ann = await strong(at)
    assert (await ask(at, ann, "/totp", method="DELETE")).code == "not-found"
    assert (await ask(at, ann, "/recovery-codes")).code == "no-second-factor"
    assert (await ann.get("/factors")).json()["recovery_codes"] == 0


async def test_the_owner_is_told_of_each_change_and_of_each_code_that_was_used(at: Post) -> None:
    _, _, codes = await enrolled(at)
    account = await at.at.gate.accounts.find_by_address(EMAIL)
    assert account is not None
    await at.at.gate.recovery_codes.use(account, Secret(codes[0]))
    await ask(at, await strong(at), "/totp", method="DELETE")
    await at.at.gate.administration.reset_factors(account.id, by="ann@work")
    subjects = [mail.subject for mail in await at.mails()]
    assert [subject for subject in subjects if not subject.startswith("A new sign-in")] == [
        "Your account at gate.example has an authenticator app",
        "A recovery code of your account at gate.example was used",
        "An authenticator app of your account at gate.example was removed",
        "Your account at gate.example has no second step any more",
    ]
    assert "9 of them are left" in (await at.mails())[1].text
    assert not any(code in mail.text for mail in await at.mails() for code in codes)


async def test_wrong_codes_after_the_right_password_are_told_once_there_are_too_many_for_mistakes(at: Post) -> None:
    await enrolled(at)
    account = await at.at.gate.accounts.find_by_address(EMAIL)
    assert account is not None
    assert len(await at.mails()) == 1
    at.box.messages.clear()
    for failed in range(5):
        with pytest.raises(InvalidCode):
            await at.at.gate.totps.verify(account, Secret(WRONG), ip_prefix="198.51.100.0/24")
        assert len(await at.mails()) == (failed >= 3)
    at.at.clock.advance(HOUR)
    assert "Wrong codes at a sign-in" in (await at.mails())[0].subject


async def test_where_second_factors_are_off_none_is_added_and_what_there_is_can_go() -> None:
    async with post(policy=Policy(registration="open", second_factor="off")) as at:
        ann = await signed_up(at)
        for path, body in (("/totp", {}), ("/totp/confirm", {"code": WRONG}), ("/recovery-codes", {})):
            refused = await ask(at, ann, path, body)
            assert (refused.status, refused.code) == (403, "not-offered")
        assert (await ann.get("/factors")).json()["policy"] == "off"
        assert (await ask(at, ann, "/totp", method="DELETE")).status == 404


async def test_the_application_is_asked_before_a_factor_is_added_and_before_one_goes(at: Post) -> None:
    asked: list[tuple[str, str | None, str | None]] = []
    refuses: list[str] = []

    @at.at.gate.before("remove_factor")
    @at.at.gate.before("add_factor")
    async def rule(facts: HookFacts[None]) -> None:
        asked.append((facts.kind, facts.factor, facts.account_id))
        if facts.kind in refuses:
            raise Refused("factors-by-it", "The help desk does that.")

    ann, _, _ = await enrolled(at)
    account_id = (await ann.get("/me")).json()["id"]
    refuses.append("remove_factor")
    refused = await ask(at, await strong(at), "/totp", method="DELETE")
    assert (refused.status, refused.code) == (403, "app:factors-by-it")
    refuses.clear()
    assert (await ask(at, await strong(at), "/totp", method="DELETE")).status == 204
    refuses.append("add_factor")
    assert (await ask(at, await strong(at), "/totp")).code == "app:factors-by-it"
    assert asked == [(kind, "totp", account_id) for kind in ("add_factor", *2 * ("remove_factor",), "add_factor")]
    described = at.at.gate.describe()["paths"]["/totp"]
    assert "4XX" in described["post"]["responses"]
    assert "4XX" in described["delete"]["responses"]


def test_a_hook_that_cannot_be_meant_says_what_to_do(at: Post) -> None:
    with pytest.raises(ConfigurationError, match=r"gate\.on_event"):
        at.at.gate.after("add_factor")(lambda facts: None)


async def test_a_stranger_sees_and_changes_nothing(at: Post) -> None:
    for method, path in (("GET", "/factors"), ("POST", "/totp"), ("DELETE", "/totp"), ("POST", "/recovery-codes")):
        assert (await at.browser().send(method, path, headers=[("gatepass-client", "1")])).code == "token-required"


async def test_no_secret_and_no_code_is_in_an_event_or_in_what_objects_show(at: Post) -> None:
    _, secret, codes = await enrolled(at)
    account = await at.at.gate.accounts.find_by_address(EMAIL)
    assert account is not None
    shown = repr([at.at.events, await at.at.gate.factors.of(account.id), await at.at.gate.store.find_totp(account.id)])
    assert not any(text in shown for text in (secret, *codes))
