"""Who can take over what: a test for each line of the table in docs/guides/second-factors.md."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gatepass.core.account import NO_PASSWORD
from gatepass.core.policy import Policy
from gatepass.factors.options import Passkeys
from gatepass.server.context import WAYS_IN_MAX_AGE
from gatepass.testing.soft_token import SoftToken
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, Browser
from tests.support.factors import App, account_of, enrol
from tests.support.mail import Post, post

GUIDE = Path(__file__).parents[2] / "docs/guides/second-factors.md"
WAIT = Policy().factor_recovery_wait
NEW = "eleven red lanterns at the quay"
LINES: dict[str, str] = {}
"""A thief's means, as the table names them → the test."""


def line(means: str) -> Callable[[Any], Any]:
    def note(test: Any) -> Any:
        assert means not in LINES
        LINES[means] = test.__name__
        return test

    return note


class Ann:
    """The owner: a gate with her account, her laptop, her app; and what the thief's browser does."""

    def __init__(self, at: Post, laptop: Browser, app: App) -> None:
        self.at, self.laptop, self.app = at, laptop, app
        self.thief = at.browser(address="198.51.100.7")

    async def first_step(self, password: str = PASSWORD, *, email: str = EMAIL) -> str:
        answer = await self.thief.login(email, password)
        assert answer.code == "second-factor-required", answer.body
        return str(answer.json()["ticket"])

    async def second_step(self, how: str, code: str, password: str = PASSWORD) -> Answer:
        return await self.thief.ask(f"/login/{how}", ticket=await self.first_step(password), code=code)

    async def reset_password(self) -> None:
        """With the mailbox."""
        assert (await self.at.ask("/password/forgot", {"email": EMAIL})).status == 202
        assert (await self.at.ask("/password/reset", {"token": await self.at.token(), "new": NEW})).status == 204

    async def say_lost(self, password: str = PASSWORD) -> Answer:
        return await self.thief.ask("/login/factor-recovery", ticket=await self.first_step(password))

    async def complete(self, token: str, password: str = PASSWORD, *, email: str = EMAIL) -> Answer:
        ticket = await self.first_step(password, email=email)
        return await self.thief.enter("/login/factor-recovery/complete", ticket=ticket, token=token)

    async def letter(self) -> str:
        """The token of the mail about lost factors."""
        found = [re.search(r"#token=(gp_fr_\S+)", mail.text) for mail in await self.at.mails()]
        return next(match[1] for match in reversed(found) if match)

    async def has_factors(self) -> bool:
        return (await self.at.at.gate.factors.summary((await account_of(self.at.at)).id)).has_second

    async def told(self, words: str, to: str = EMAIL) -> bool:
        return any(mail.to == to and words in mail.subject for mail in await self.at.mails())

    async def strong(self) -> Browser:
        """A session of several factors, of which the thief has a copy."""
        browser = self.at.browser()
        ticket = (await browser.login()).json()["ticket"]
        assert (await browser.ask("/login/totp", ticket=ticket, code=self.app.code())).status == 200
        return browser


@pytest.fixture
async def ann() -> AsyncIterator[Ann]:
    async with post(passkeys=Passkeys(rp_id="gate.example")) as at:
        laptop = await at.verified()
        at.at.clock.advance(WAIT)
        await laptop.refresh()
        yield Ann(at, laptop, await enrol(at.at))


@line("the password")
async def test_the_password_begins_a_recovery_and_has_no_link_to_end_it(ann: Ann) -> None:
    assert (await ann.thief.login()).code == "second-factor-required"
    assert (await ann.say_lost()).status == 202
    assert await ann.told("Have you lost")
    assert (await ann.laptop.get("/factors")).json()["recovery"] is not None
    ann.at.at.clock.advance(WAIT)
    assert (await ann.complete("gp_fr_" + "x" * 96)).code == "invalid-link"
    assert (await ann.at.ask("/factor-recovery/cancel", {"token": await ann.letter()})).status == 204
    assert await ann.has_factors()


@line("the mailbox")
async def test_the_mailbox_waits_after_a_new_password_which_signs_the_owner_out(ann: Ann) -> None:
    await ann.reset_password()
    assert (await ann.laptop.refresh()).code == "session-ended"
    assert (await ann.at.browser().login()).code == "invalid-credentials"
    assert (await ann.thief.login(EMAIL, NEW)).json()["methods"] == ["totp", "recovery"]
    assert (await ann.say_lost(NEW)).status == 202
    token = await ann.letter()
    assert (await ann.complete(token, NEW)).code == "recovery-not-ready"
    ann.at.at.clock.advance(WAIT)
    assert (await ann.complete(token, NEW)).status == 200


async def test_a_passkey_of_the_owner_and_another_reset_stop_the_mailbox(ann: Ann) -> None:
    key, browser = SoftToken(), await ann.strong()
    options = (await browser.ask("/passkeys/options")).json()
    assert (await browser.ask("/passkeys", response=key.create(options, origin=ORIGIN))).status == 201
    await ann.reset_password()
    await ann.say_lost(NEW)
    options = (await ann.at.browser().ask("/login/passkey/options")).json()
    response = key.get(options, origin=ORIGIN)
    assert (await ann.at.browser().enter("/login/passkey", response=response)).status == 200
    ann.at.at.clock.advance(WAIT)
    assert (await ann.complete(await ann.letter(), NEW)).code == "invalid-link"
    await ann.say_lost(NEW)
    await ann.reset_password()
    ann.at.at.clock.advance(WAIT)
    assert (await ann.complete(await ann.letter(), NEW)).code == "invalid-link"


@line("the password and the mailbox")
async def test_the_password_and_the_mailbox_wait_while_any_session_of_the_owner_can_stop_it(ann: Ann) -> None:
    await ann.say_lost()
    assert (await ann.laptop.get("/factors")).json()["recovery"] is not None
    assert (await ann.at.ask("/factor-recovery", {}, browser=ann.laptop, method="DELETE")).status == 204
    ann.at.at.clock.advance(1)
    await ann.say_lost()
    ann.at.at.clock.advance(WAIT)
    assert (await ann.complete(await ann.letter())).status == 200


@line("the phone with the app")
async def test_an_app_alone_opens_nothing(ann: Ann) -> None:
    answer = await ann.thief.ask("/login/totp", ticket="gp_st_x", code=ann.app.code())
    assert answer.code == "sign-in-expired"
    assert (await ann.thief.login(EMAIL, ann.app.shown())).code == "invalid-credentials"


@line("the phone with the app, and the mailbox on it")
async def test_a_phone_with_both_is_in_at_once(ann: Ann) -> None:
    await ann.reset_password()
    assert (await ann.laptop.refresh()).code == "session-ended"
    assert (await ann.second_step("totp", ann.app.code(), NEW)).status == 200


@line("the recovery codes")
async def test_recovery_codes_alone_open_nothing(ann: Ann) -> None:
    answer = await ann.thief.ask("/login/recovery", ticket="gp_st_x", code=ann.app.recovery_codes[0])
    assert answer.code == "sign-in-expired"


@line("the recovery codes and the password")
async def test_recovery_codes_and_the_password_are_in_at_once_and_the_owner_is_told(ann: Ann) -> None:
    assert (await ann.second_step("recovery", ann.app.recovery_codes[0])).status == 200
    assert await ann.told("A recovery code of your account")
    assert (await ann.at.ask("/totp", {}, browser=ann.thief, method="DELETE")).status == 204
    assert not await ann.has_factors()


async def test_new_codes_in_time_stop_them(ann: Ann) -> None:
    assert (await ann.at.ask("/recovery-codes", {}, browser=await ann.strong())).status == 200
    assert (await ann.second_step("recovery", ann.app.recovery_codes[0])).code == "invalid-code"


@line("a passkey and its PIN")
async def test_a_passkey_is_in_at_once_and_the_owner_is_told_of_each_change(ann: Ann) -> None:
    key, browser = SoftToken(), await ann.strong()
    options = (await browser.ask("/passkeys/options")).json()
    added = await browser.ask("/passkeys", response=key.create(options, origin=ORIGIN))
    options = (await ann.thief.ask("/login/passkey/options")).json()
    assert (await ann.thief.enter("/login/passkey", response=key.get(options, origin=ORIGIN))).status == 200
    assert (await ann.at.ask("/totp", {}, browser=ann.thief, method="DELETE")).status == 204
    assert await ann.told("An authenticator app of your account")
    assert (await ann.at.ask(f"/passkeys/{added.json()['id']}", {}, browser=browser, method="DELETE")).status == 204
    options = (await ann.at.browser().ask("/login/passkey/options")).json()
    again = await ann.at.browser().enter("/login/passkey", response=key.get(options, origin=ORIGIN))
    assert again.code == "unknown-credential"


@line("a copied session of one factor")
async def test_a_session_of_one_factor_changes_no_way_in_and_recovers_nothing(ann: Ann) -> None:
    changes = [("/totp", "DELETE"), ("/recovery-codes", "POST"), ("/passkeys/options", "POST")]
    for path, method in changes:
        answer = await ann.at.ask(path, {}, browser=ann.laptop, method=method)
        assert answer.code == "insufficient-user-authentication"
    change = {"email": "eve@example.com", "password": PASSWORD}
    assert (await ann.at.ask("/email", change, browser=ann.laptop)).code == "insufficient-user-authentication"
    ticket = (await ann.laptop.ask("/step-up")).json()["ticket"]
    assert (await ann.thief.ask("/login/factor-recovery", ticket=ticket)).code == "sign-in-expired"


@line("a copied session of several factors")
async def test_a_session_of_several_factors_changes_them_for_ten_minutes_and_the_owner_is_told(ann: Ann) -> None:
    copied = await ann.strong()
    ann.at.at.clock.advance(WAYS_IN_MAX_AGE + 1)
    await copied.refresh()
    late = await ann.at.ask("/totp", {}, browser=copied, method="DELETE")
    assert late.code == "insufficient-user-authentication"
    fresh = await ann.strong()
    assert (await ann.at.ask("/totp", {}, browser=fresh, method="DELETE")).status == 204
    assert await ann.told("An authenticator app of your account")


@line("a copied session of several factors, and the password")
async def test_one_who_changes_the_address_waits_twice_and_the_former_one_is_told_twice(ann: Ann) -> None:
    copied = await ann.strong()
    change = {"email": "eve@example.com", "password": PASSWORD}
    assert (await ann.at.ask("/email", change, browser=copied)).status == 202
    confirmed = await ann.at.ask("/email/confirm", {"token": await ann.at.token()}, browser=copied)
    assert confirmed.status == 200, confirmed.body
    assert await ann.told("A new address for your account")
    assert await ann.told("Your address for")
    ticket = await ann.first_step(email="eve@example.com")
    begun = await ann.thief.ask("/login/factor-recovery", ticket=ticket)
    assert begun.json()["ready_at"] == ann.at.at.clock.now() + 2 * WAIT


@line("an administrator's rights")
async def test_an_administrator_resets_at_once_with_a_mail_and_a_trail(ann: Ann) -> None:
    account, administration = await account_of(ann.at.at), ann.at.at.gate.administration
    assert await administration.reset_factors(account.id, by="bob@work")
    assert await ann.told("has no second step any more")
    assert (await administration.entries())[0].actor == "bob@work"
    assert (await ann.thief.login()).status == 200


async def test_the_mailbox_never_gets_past_the_factors_where_recovery_is_off() -> None:
    async with post(policy=Policy(registration="verify", factor_recovery_wait=0)) as at:
        ann = Ann(at, await at.verified(), await enrol(at.at))
        await ann.reset_password()
        assert (await ann.say_lost(NEW)).code == "not-offered"


def test_each_line_of_the_table_has_a_test() -> None:
    table = GUIDE.read_text().partition("| a thief has | gets in |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1].strip() for row in table.splitlines()[2:]]
    assert rows == list(LINES)


async def test_an_owner_whose_only_way_in_is_a_lost_passkey_gets_in_by_a_reset_and_the_waiting_time() -> None:
    async with post(passkeys=Passkeys(rp_id="gate.example")) as at:
        laptop, key = await at.verified(), SoftToken()
        options = (await laptop.ask("/passkeys/options")).json()
        assert (await laptop.ask("/passkeys", response=key.create(options, origin=ORIGIN))).status == 201
        at.at.clock.advance(WAIT)
        account = await account_of(at.at)
        memory = at.at.memory
        memory._accounts[account.id] = replace(account, password_hash=NO_PASSWORD)
        ann = Ann(at, laptop, App(at.at, b"none"))
        await ann.reset_password()
        first = await ann.thief.login(EMAIL, NEW)
        assert first.json()["methods"] == ["passkey"]
        await ann.say_lost(NEW)
        at.at.clock.advance(WAIT)
        assert (await ann.complete(await ann.letter(), NEW)).status == 200
        assert (await at.browser().login(EMAIL, NEW)).status == 200
