"""Codes by mail: what asking answers, what a code and a ticket are good for, and what begins."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from gatepass import HookFacts, Refused
from gatepass.core.identity import Identity
from gatepass.core.mail_code import MAIL_CODE_TTL, MAX_TRIES
from gatepass.core.policy import DAY, HOUR, MINUTE, Policy
from gatepass.core.rate import Rate
from gatepass.core.secret import Secret
from gatepass.errors import ConfigurationError
from gatepass.server.limits import Limits
from gatepass.testing import mail_code
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, RT, Browser
from tests.support.factors import account_of, enrol
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, WatchedStore
from tests.support.mail import Post, post

POLICY = Policy(registration="open", mail_codes=True)
BOB = "bob@example.com"


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=POLICY, security_mail=False) as made:
        await made.at.gate.accounts.add(EMAIL, Secret(PASSWORD), email_key=EMAIL)
        await made.at.store.verify_account((await account_of(made.at)).id, now=made.at.clock.now())
        made.at.store.verbs.clear()
        yield made


async def ask(browser: Browser, email: str = EMAIL, **more: Any) -> str:
    """Ask for a code; the ticket."""
    answer = await browser.enter("/login/mail-code/request", email=email, **more)
    assert answer.status == 200, answer.body
    return str(answer.json()["ticket"])


async def code_at(at: Post) -> str:
    """The code in the newest mail."""
    return mail_code((await at.mails())[-1])


async def show(browser: Browser, ticket: str, code: str, **more: Any) -> Answer:
    """Sign in with a code."""
    return await browser.ask("/login/mail-code", ticket=ticket, code=code, **more)


def wrong(code: str) -> str:
    """Another code of the same form."""
    return ("1" if code[0] == "0" else "0") + code[1:]


def other_browser(at: Post, number: int = 2) -> Browser:
    return at.browser(key=bytes([number]) * 32, address=f"198.51.{number}.7")


class TestAsking:
    async def test_the_answer_is_a_ticket_and_the_code_goes_to_the_address(self, at: Post) -> None:
        answer = await at.browser().enter("/login/mail-code/request", email=EMAIL)
        assert (answer.status, answer.json()["expires_in"], answer.cookies) == (200, MAIL_CODE_TTL, [])
        assert answer.one("cache-control") == "no-store"
        (mail,) = await at.mails()
        assert mail.to == EMAIL
        assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", mail_code(mail))
        assert mail_code(mail) not in mail.subject
        assert "within 10 minutes" in mail.text

    async def test_the_mail_has_no_link_that_a_scanner_could_follow(self, at: Post) -> None:
        await ask(at.browser())
        (mail,) = await at.mails()
        assert "http" not in mail.text
        assert "/" not in mail.text

    async def test_the_answer_and_the_work_before_it_are_the_same_for_every_address(self, at: Post) -> None:
        await at.browser().register("off@example.com")
        await at.at.gate.accounts.disable((await account_of(at.at, "off@example.com")).id)
        answers, traces = [], []
        for number, email in enumerate(("warm@example.com", EMAIL, "off@example.com", "nobody@example.com")):
            at.at.store.verbs.clear()
            answer = await other_browser(at, number + 1).enter("/login/mail-code/request", email=email)
            traces.append(list(at.at.store.verbs))
            body = answer.json()
            names = [name for name, _ in answer.headers]
            answers.append((answer.status, names, sorted(body), body["expires_in"], body["ticket"][:6]))
        assert answers[1] == answers[2] == answers[3]
        assert traces[1] == traces[2] == traces[3]
        assert [mail.to for mail in await at.mails()] == [EMAIL]

    async def test_the_size_of_a_ticket_tells_the_length_of_the_address_alone(self, at: Post) -> None:
        known, unknown = await ask(at.browser()), await ask(at.browser(), "eve@example.com")
        assert len(known) == len(unknown)

    async def test_no_mail_goes_to_an_address_without_an_account_and_nothing_of_a_request_is_stored(
        self, at: Post
    ) -> None:
        await ask(at.browser(), "nobody@example.com")
        await ask(at.browser())
        assert [mail.to for mail in await at.mails()] == [EMAIL]
        writes = {"count_failure"}
        assert {verb for verb in at.at.store.verbs if not verb.startswith(("find", "attempts"))} == writes

    async def test_the_events_tell_who_was_asked_for_and_nothing_of_what_was_sent(self, at: Post) -> None:
        ticket = await ask(at.browser())
        await ask(at.browser(), "nobody@example.com")
        code = await code_at(at)
        account_id = (await account_of(at.at)).id
        asked = [event.account_id for event in at.at.named("authn_mail_code_request")]  # type: ignore[attr-defined]
        assert asked == [account_id, None]
        assert ticket not in repr(at.at.events)
        assert code not in repr(at.at.events)

    async def test_an_address_gets_a_few_mails_and_then_waits_whether_it_has_an_account_or_not(self, at: Post) -> None:
        waits = []
        for email in (EMAIL, "nobody@example.com"):
            answers = [
                await other_browser(at, number).enter("/login/mail-code/request", email=email) for number in range(1, 5)
            ]
            assert [answer.status for answer in answers] == [200, 200, 200, 429]
            waits.append(answers[-1].one("retry-after"))
        assert waits[0] == waits[1]

    async def test_a_person_who_signs_in_often_never_waits_since_a_right_code_clears_the_mailbox(
        self, at: Post
    ) -> None:
        for number in range(1, 11):
            browser = other_browser(at, number)
            assert (await show(browser, await ask(browser), await code_at(at))).status == 200

    async def test_a_network_has_a_rate_that_an_office_does_not_notice(self) -> None:
        async with post(policy=POLICY, limits=Limits(mail_code_rate=Rate(2, HOUR))) as at:
            answers = [
                await at.browser().enter("/login/mail-code/request", email=f"p{number}@example.com")
                for number in range(3)
            ]
            assert [answer.status for answer in answers] == [200, 200, 429]
            assert at.at.named("excess_rate_limit_exceeded")[0].what == "mail_code"  # type: ignore[attr-defined]

    async def test_what_is_no_address_is_refused_before_anything_is_counted(self, at: Post) -> None:
        answer = await at.browser().enter("/login/mail-code/request", email="ann@@example.com")
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert at.at.store.verbs == []

    async def test_a_pending_registration_gets_no_code_and_becomes_no_account(self) -> None:
        async with post(policy=Policy(registration="verify", mail_codes=True)) as at:
            await at.browser().register()
            ticket = await ask(at.browser())
            assert [subject for _, subject in await at.subjects()] == ["Confirm your address"]
            assert (await show(at.browser(), ticket, "0000-0000")).code == "invalid-mail-code"
            assert await at.at.gate.accounts.find_by_address(EMAIL) is None


class TestAskingAgain:
    async def test_with_its_ticket_a_client_gets_the_same_code_so_either_mail_does(self, at: Post) -> None:
        browser = at.browser()
        ticket = await ask(browser)
        first = await code_at(at)
        at.at.clock.advance(MINUTE)
        answer = await browser.ask("/login/mail-code/request", email=EMAIL, ticket=ticket)
        assert (answer.json()["ticket"], answer.json()["expires_in"]) == (ticket, MAIL_CODE_TTL - MINUTE)
        mails = await at.mails()
        assert [mail_code(mail) for mail in mails] == [first, first]
        assert "within 9 minutes" in mails[-1].text
        assert (await show(browser, ticket, first)).status == 200

    @pytest.mark.parametrize("why", ["tried", "used", "late", "another address", "no ticket"])
    async def test_a_ticket_that_cannot_lead_far_is_answered_with_another_one(self, at: Post, why: str) -> None:
        browser = at.browser()
        ticket = await ask(browser, BOB if why == "another address" else EMAIL)
        code = await code_at(at) if why != "another address" else ""
        if why == "tried":
            await show(browser, ticket, wrong(code))
        if why == "used":
            assert (await show(browser, ticket, code)).status == 200
        if why == "late":
            at.at.clock.advance(MAIL_CODE_TTL // 2 + 1)
        former = "gp_mc_AAAA" if why == "no ticket" else ticket
        answer = await browser.ask("/login/mail-code/request", email=EMAIL, ticket=former)
        assert answer.json()["ticket"] != ticket
        assert answer.json()["expires_in"] == MAIL_CODE_TTL
        assert (await show(browser, answer.json()["ticket"], await code_at(at))).status == 200
        assert (await browser.refresh()).status == 200

    async def test_a_stranger_who_asks_in_the_name_of_another_makes_no_code_void(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        stranger = other_browser(at)
        foreign = await ask(stranger)
        assert await code_at(at) != code
        assert (await show(stranger, foreign, code)).code == "invalid-mail-code"
        assert (await show(browser, ticket, code)).status == 200


class TestSigningIn:
    async def test_it_begins_a_session_of_one_factor_bound_to_the_key_of_who_asked(self, at: Post) -> None:
        browser = at.browser()
        answer = await show(browser, await ask(browser), await code_at(at))
        assert (answer.status, answer.json()["account"]["email"]) == (200, EMAIL)
        caller = at.at.gate.check.principal([f"Bearer {browser.access_token}"])
        assert (caller.methods, caller.acr, caller.authenticated_at) == (("email",), None, at.at.clock.now())
        assert (await browser.refresh()).status == 200
        browser.key = b"t" * 32
        assert (await browser.refresh()).code == "proof-required"
        (used,) = at.at.named("authn_mail_code_used")
        assert used.account_id == caller.account_id  # type: ignore[attr-defined]

    @pytest.mark.parametrize("typed", ["lower", "spaces", "bare", "letters for digits"])
    async def test_how_it_is_typed_does_not_matter(self, at: Post, typed: str) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        spelt = {
            "lower": code.lower(),
            "spaces": f"  {code[:4]} - {code[5:]} ",
            "bare": code.replace("-", ""),
            "letters for digits": code.replace("0", "o").replace("1", "l"),
        }[typed]
        assert (await show(browser, ticket, spelt)).status == 200

    @pytest.mark.parametrize("remember", [True, False])
    async def test_whether_to_remember_is_said_with_the_code(self, at: Post, remember: bool) -> None:
        browser = at.browser()
        answer = await show(browser, await ask(browser), await code_at(at), remember=remember)
        assert ("Max-Age" in answer.cookie(RT).marks) == remember

    async def test_the_session_whose_cookie_came_is_replaced(self, at: Post) -> None:
        browser = at.browser()
        assert (await browser.login()).status == 200
        before = browser.sid
        assert (await show(browser, await ask(browser), await code_at(at))).status == 200
        (ended,) = at.at.named("session_revoked")
        assert (ended.sid, ended.reason) == (before, "replaced")  # type: ignore[attr-defined]

    async def test_an_account_with_a_second_factor_is_asked_for_it(self, at: Post) -> None:
        app, browser = await enrol(at.at), at.browser()
        answer = await show(browser, await ask(browser), await code_at(at))
        assert (answer.status, answer.code, answer.cookies) == (401, "second-factor-required", [])
        assert "email" not in answer.json()["methods"]
        done = await browser.ask("/login/totp", ticket=answer.json()["ticket"], code=app.code())
        assert done.status == 200
        caller = at.at.gate.check.principal([f"Bearer {browser.access_token}"])
        assert caller.methods == ("email", "otp", "mfa")
        assert (await browser.refresh()).status == 200

    async def test_a_mailed_code_steps_no_session_up(self, at: Post) -> None:
        browser = at.browser()
        await show(browser, await ask(browser), await code_at(at))
        answer = await browser.ask("/step-up")
        assert (answer.status, answer.code) == (403, "no-second-factor")

    async def test_it_is_a_recent_sign_in_and_changes_no_password_without_the_present_one(self, at: Post) -> None:
        browser = at.browser()
        await show(browser, await ask(browser), await code_at(at))
        assert (await browser.ask("/totp")).status == 200
        answer = await browser.ask("/password", current="a wrong password of hers", new="nine white swans on a lake")
        assert (answer.status, answer.code) == (403, "invalid-credentials")

    async def test_a_session_of_a_code_does_not_reach_what_wants_several_factors(self, at: Post) -> None:
        await enrol(at.at)
        browser = at.browser()
        step = (await show(browser, await ask(browser), await code_at(at))).json()["ticket"]
        assert (await browser.ask("/login/mail-code", ticket=step, code="0000-0000")).code == "sign-in-expired"


class Captcha(BaseModel):
    captcha: str


class TestHooks:
    async def test_rules_before_a_sign_in_hear_of_the_method_and_of_what_came_with_the_code(self, at: Post) -> None:
        heard: list[object] = []

        @at.at.gate.before("sign_in", extra=Captcha)
        async def rule(facts: HookFacts[Captcha]) -> None:
            heard.append((facts.methods, facts.extra))

        browser = at.browser()
        ticket = await ask(browser)
        assert heard == []
        assert (await show(browser, ticket, await code_at(at))).code == "invalid-body"
        assert (await show(browser, ticket, await code_at(at), captcha="c")).status == 200
        assert heard == [(("email",), Captcha(captcha="c"))]

    async def test_a_rule_may_refuse_an_account_that_may_not_sign_in_so(self, at: Post) -> None:
        @at.at.gate.before("sign_in")
        def administrators_need_more(facts: HookFacts[None]) -> None:
            if "email" in facts.methods:
                raise Refused("not-by-mail", "Administrators sign in with a passkey.")

        browser = at.browser()
        answer = await show(browser, await ask(browser), await code_at(at))
        assert (answer.status, answer.code, answer.cookies) == (403, "app:not-by-mail", [])

    async def test_a_rule_before_asking_hears_the_address_alone_and_refuses_before_the_mailbox_is_counted(
        self, at: Post
    ) -> None:
        heard: list[object] = []

        @at.at.gate.before("mail_code", extra=Captcha)
        def people(facts: HookFacts[Captcha]) -> None:
            heard.append((facts.email, facts.account_id, facts.account))
            if facts.extra is None or facts.extra.captcha != "42":
                raise Refused("no-robots", "Show that you are no robot.")

        for email in (EMAIL, "nobody@example.com") * 3:
            answer = await other_browser(at).enter("/login/mail-code/request", email=email, captcha="41")
            assert (answer.status, answer.code) == (403, "app:no-robots")
        assert heard[:2] == [(EMAIL, None, None), ("nobody@example.com", None, None)]
        assert at.at.store.verbs == []
        assert await ask(at.browser(), captcha="42")
        assert "captcha" in str(at.at.gate.describe()["components"]["schemas"]["MailCodeRequest"])

    async def test_nothing_is_told_after_asking(self, at: Post) -> None:
        with pytest.raises(ConfigurationError, match="'mail_code' has a hook before it"):
            at.at.gate.after("mail_code")(lambda _: None)


class TestWhatACodeIsWorth:
    async def test_it_counts_once(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        assert (await show(browser, ticket, code)).status == 200
        again = await show(browser, ticket, code)
        assert (again.status, again.code) == (400, "sign-in-expired")

    async def test_of_many_at_once_one_begins_a_session(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        answers = await asyncio.gather(*(show(other_browser(at, n), ticket, code) for n in range(1, 5)))
        assert [answer.status for answer in answers].count(200) == 1
        assert len(at.at.named("session_created")) == 1

    async def test_a_mistyped_code_leaves_the_ticket_and_says_nothing_about_the_account(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        answer = await show(browser, ticket, wrong(code))
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-mail-code", [])
        nobody = await show(other_browser(at), await ask(other_browser(at), "nobody@example.com"), code)
        assert (nobody.status, nobody.headers, nobody.body) == (answer.status, answer.headers, answer.body)
        assert (await show(browser, ticket, code)).status == 200
        refused = [event.account_id for event in at.at.named("authn_mail_code_refused")]  # type: ignore[attr-defined]
        assert refused == [(await account_of(at.at)).id, None]

    async def test_looking_at_a_code_is_the_same_work_for_every_address(self, at: Post) -> None:
        await at.browser().register("off@example.com")
        await at.at.gate.accounts.disable((await account_of(at.at, "off@example.com")).id)
        traces, answers = [], []
        for number, email in enumerate((EMAIL, "off@example.com", "nobody@example.com")):
            browser = other_browser(at, number + 1)
            ticket = await ask(browser, email)
            await at.mails()
            at.at.store.verbs.clear()
            answers.append((await show(browser, ticket, "0000-0000")).body)
            traces.append(list(at.at.store.verbs))
        assert traces[0] == traces[1] == traces[2]
        assert len(set(answers)) == 1

    async def test_a_ticket_takes_five_codes_and_then_not_even_the_right_one(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        for _ in range(MAX_TRIES):
            at.at.clock.advance(MINUTE // 2)
            assert (await show(browser, ticket, wrong(code))).code == "invalid-mail-code"
        at.at.clock.advance(MINUTE)
        assert (await show(browser, ticket, code)).code == "sign-in-expired"

    async def test_a_burst_of_guesses_is_counted_before_it_is_looked_at(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        guesses = [show(other_browser(at, n), ticket, wrong(code)) for n in range(1, 40)]
        answers = await asyncio.gather(*guesses)
        assert sum(answer.code == "invalid-mail-code" for answer in answers) <= MAX_TRIES
        assert (await show(browser, ticket, code)).status != 200

    async def test_new_tickets_buy_no_guesses_without_end_and_a_right_password_clears_no_count(self, at: Post) -> None:
        looked_at = 0
        for number in range(1, 200):
            at.at.clock.advance(HOUR)
            stranger = other_browser(at, number % 250 + 1)
            ticket = await ask(stranger)
            for _ in range(MAX_TRIES):
                looked_at += (await show(stranger, ticket, "0000-0000")).code == "invalid-mail-code"
            if number == 5:
                assert (await at.browser().login()).status == 200
        assert looked_at <= 80
        assert (await at.browser().login()).status == 200, "the password has counts of its own"

    async def test_a_new_password_by_mail_gives_the_owner_the_codes_back(self, at: Post) -> None:
        for number in range(1, 120):
            at.at.clock.advance(HOUR)
            stranger = other_browser(at, number)
            await show(stranger, await ask(stranger), "0000-0000")
        owner = other_browser(at, 200)
        at.at.clock.advance(DAY)
        assert (await show(owner, await ask(owner), await code_at(at))).code == "too-many-attempts"
        at.at.clock.advance(DAY)
        await at.ask("/password/forgot", {"email": EMAIL})
        new = {"token": await at.token(), "new": "nine white swans on a lake"}
        assert (await at.ask("/password/reset", new)).status == 204
        at.at.clock.advance(DAY)
        assert (await show(owner, await ask(owner), await code_at(at))).status == 200

    async def test_it_is_over_after_ten_minutes_by_the_clock_of_the_server(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        at.at.clock.advance(MAIL_CODE_TTL)
        assert (await show(browser, ticket, code)).code == "sign-in-expired"

    async def test_just_before_it_counts(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        at.at.clock.advance(MAIL_CODE_TTL - 1)
        assert (await show(browser, ticket, code)).status == 200

    async def test_a_forwarded_code_is_of_no_use_in_another_browser(self, at: Post) -> None:
        browser, other = at.browser(), other_browser(at)
        ticket, code = await ask(browser), await code_at(at)
        own = await ask(other)
        assert (await show(other, own, code)).code == "invalid-mail-code"
        assert (await other.enter("/login/mail-code", ticket=ticket, code=code)).code == "sign-in-expired"
        assert (await show(browser, ticket, code)).status == 200, "neither has used anything up"

    async def test_a_copied_ticket_and_its_code_begin_no_session_that_another_client_goes_on_with(
        self, at: Post
    ) -> None:
        browser, thief = at.browser(), other_browser(at)
        ticket, code = await ask(browser), await code_at(at)
        assert (await show(thief, ticket, code)).status == 200
        assert (await thief.refresh()).code == "proof-required"

    async def test_a_client_that_had_no_key_when_it_asked_may_bring_one_with_the_code(self, at: Post) -> None:
        browser = at.browser(key=None)
        ticket, code = await ask(browser), await code_at(at)
        browser.key = b"n" * 32
        assert (await browser.enter("/login/mail-code", ticket=ticket, code=code)).status == 200
        assert (await browser.refresh()).status == 200

    async def test_the_ticket_of_one_address_opens_no_other_account(self, at: Post) -> None:
        await at.browser().register(BOB)
        browser = at.browser()
        of_ann = await ask(browser)
        code_of_ann = await code_at(at)
        of_bob = await ask(browser, BOB)
        code_of_bob = await code_at(at)
        assert (await show(browser, of_ann, code_of_bob)).code == "invalid-mail-code"
        assert (await show(browser, of_bob, code_of_ann)).code == "invalid-mail-code"

    @pytest.mark.parametrize("text", ["x", "gp_mc_", "gp_mc_" + "A" * 200, "gp_st_" + "A" * 200, "é"])
    async def test_what_is_no_ticket_gets_one_answer(self, at: Post, text: str) -> None:
        answer = await show(at.browser(), text, "0000-0000")
        assert (answer.status, answer.code) == (400, "sign-in-expired")

    async def test_a_ticket_of_another_kind_is_none(self, at: Post) -> None:
        browser = at.browser()
        mailed = await ask(browser)
        await enrol(at.at)
        second = (await other_browser(at).login()).json()["ticket"]
        assert (await show(browser, second, "0000-0000")).code == "sign-in-expired"
        assert (await browser.ask("/login/totp", ticket=mailed, code="123456")).code == "sign-in-expired"

    @pytest.mark.parametrize("code", ["", "0", "0000-00000", "０００００００", "٠٠٠٠٠٠٠٠", "x" * 64, "0000-000U"])
    async def test_what_is_no_code_is_a_wrong_one_or_a_fault_of_form(self, at: Post, code: str) -> None:
        browser = at.browser()
        answer = await show(browser, await ask(browser), code)
        assert (answer.status, answer.code) in ((401, "invalid-mail-code"), (422, "invalid-body"))

    @pytest.mark.parametrize("change", ["password", "address", "factor", "disabled"])
    async def test_a_change_of_the_account_makes_it_void(self, at: Post, change: str) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        account, store = await account_of(at.at), at.at.store
        if change == "password":
            await at.at.gate.administration.disable_account(account.id, by="a")
            await at.at.gate.administration.enable_account(account.id, by="a")
        elif change == "address":
            version, new = account.credential_version, "ann@example.net"
            assert await store.change_email(
                account.id, email=new, email_key=new, credential_version=version, verified_at=None
            )
        elif change == "factor":
            await enrol(at.at)
        else:
            await at.at.gate.accounts.disable(account.id)
        assert (await show(browser, ticket, code)).code == "invalid-mail-code"

    @pytest.mark.parametrize("verb", ["use_once", "add"])
    async def test_a_code_that_races_the_disabling_of_its_account_begins_nothing(self, at: Post, verb: str) -> None:
        browser, account = at.browser(), await account_of(at.at)
        ticket, code = await ask(browser), await code_at(at)

        async def disable(name: str) -> None:
            if name == verb:
                at.at.store.before = None
                await at.at.store.inner.disable_account(account.id, now=at.at.clock.now())

        at.at.store.before = disable
        answer = await show(browser, ticket, code)
        assert (answer.status, answer.code, answer.cookies) == (400, "sign-in-expired", [])
        assert at.at.named("session_created") == []

    async def test_a_page_of_another_site_asks_for_none_and_shows_none(self, at: Post) -> None:
        for path in ("/login/mail-code/request", "/login/mail-code"):
            browser = at.browser(origin="https://evil.example")
            answer = await browser.send("POST", path, body={"email": EMAIL})
            assert (answer.status, answer.code) == (403, "cross-site")
        assert await at.mails() == []

    async def test_a_get_uses_nothing_up(self, at: Post) -> None:
        browser = at.browser()
        ticket, code = await ask(browser), await code_at(at)
        for path in ("/login/mail-code", "/login/mail-code/request"):
            for method in ("GET", "HEAD"):
                assert (await browser.send(method, path)).status == 405
                assert (await browser.navigate(path, query=f"ticket={ticket}&code={code}".encode())).status == 405
        assert (await show(browser, ticket, code)).status == 200


class TestWhoseAccountItIs:
    """A code proves the mailbox; who made an account of an address that was never verified may be another person."""

    async def test_the_first_code_takes_an_unverified_account_from_whoever_made_it(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            stranger, ann = other_browser(at), at.browser()
            assert (await stranger.register()).status == 201
            answer = await show(ann, await ask(ann), await code_at(at))
            assert (answer.status, answer.json()["account"]["email_verified"]) == (200, True)
            assert (await stranger.refresh()).code == "session-ended"
            assert (await stranger.login()).code == "invalid-credentials"
            assert (await ann.get("/me")).json()["password"] is False
            assert at.at.named("authn_password_removed")
            assert at.at.named("user_verified")
            assert (await at.subjects())[-1][1].startswith("Your account at")

    async def test_identities_of_a_stranger_go_with_it(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            account = await at.at.gate.accounts.add(EMAIL, Secret(PASSWORD), email_key=EMAIL)
            identity = Identity("acme", "https://acme.example", "1", email=EMAIL, email_verified=True)
            await at.at.gate.identities.link(account.id, identity)
            ann = at.browser()
            assert (await show(ann, await ask(ann), await code_at(at))).status == 200
            assert list(await at.at.gate.identities.list_for_account(account.id)) == []

    async def test_a_verified_account_keeps_its_password_and_its_other_sessions(self, at: Post) -> None:
        phone, laptop = at.browser(), other_browser(at)
        assert (await phone.login()).status == 200
        assert (await show(laptop, await ask(laptop), await code_at(at))).status == 200
        assert (await phone.refresh()).status == 200
        assert (await laptop.get("/me")).json()["password"] is True

    async def test_a_sign_in_that_was_cut_off_in_between_is_finished_by_the_next(self) -> None:
        async with post(policy=POLICY, security_mail=False) as at:
            await at.browser().register()
            ann = at.browser()
            ticket, code = await ask(ann), await code_at(at)

            async def cut(verb: str) -> None:
                if verb == "verify_account":
                    raise RuntimeError("the process was killed")

            at.at.store.before = cut
            assert (await show(ann, ticket, code)).status == 500
            at.at.store.before = None
            assert (await show(ann, await ask(ann), await code_at(at))).status == 200
            assert (await account_of(at.at)).verified_at is not None


class TestSetting:
    async def test_it_is_off_unless_it_is_said(self) -> None:
        async with post() as at:
            for path in ("/login/mail-code/request", "/login/mail-code"):
                assert (await at.browser().enter(path, email=EMAIL)).status == 404
            assert "/login/mail-code" not in at.at.gate.describe()["paths"]

    async def test_it_is_described_where_it_is_on(self, at: Post) -> None:
        assert {"/login/mail-code", "/login/mail-code/request"} <= at.at.gate.describe()["paths"].keys()

    def test_without_mail_the_gate_does_not_start(self) -> None:
        with pytest.raises(ConfigurationError, match="`mail_codes` needs mail"):
            GateHarness(policy=POLICY)

    def test_where_another_system_keeps_the_people_it_does_not_start(self) -> None:
        class Users:
            async def authenticate(self, email: str, password: str, request: object) -> None:
                return None

            async def find(self, user_id: str) -> None:
                return None

        with pytest.raises(ConfigurationError, match="`mail_codes` cannot be on with `users`"):
            GateHarness(policy=Policy(mail_codes=True), mail="console", users=Users())


async def test_a_code_of_a_former_secret_still_counts_while_that_is_known() -> None:
    store = WatchedStore()
    async with post(policy=POLICY, store=store) as before:
        await before.browser().register()
        ticket, code = await ask(before.browser()), await code_at(before)
    async with post(policy=POLICY, store=store, secrets=[OTHER_SECRET, SECRET]) as after:
        assert (await show(after.browser(), ticket, code)).status == 200
