"""Codes by mail: what asking answers, what a code and a ticket are good for, and what begins."""

import re

import pytest

from gatepass.core.mail_code import MAIL_CODE_TTL
from gatepass.core.policy import HOUR, MINUTE, Policy
from gatepass.core.rate import Rate
from gatepass.mail import MailTemplates
from gatepass.server.limits import Limits
from gatepass.testing import mail_code
from tests.support.browser import EMAIL, RT
from tests.support.factors import account_of, enrol
from tests.support.mail import Post, post
from tests.support.mail_codes import BOB, POLICY, ask, code_at, other_browser, show, wrong


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

    async def test_no_mail_about_the_second_step_says_that_a_password_was_entered(self, at: Post) -> None:
        app, browser = await enrol(at.at), at.browser()
        answer = await show(browser, await ask(browser), await code_at(at))
        assert (await browser.ask("/login/factor-recovery", ticket=answer.json()["ticket"])).status == 202
        code = app.recovery_codes[0]
        assert (await browser.ask("/login/recovery", ticket=answer.json()["ticket"], code=code)).status == 200
        told = (await at.mails())[2:]  # after those of the app and of the code
        assert {mail.subject for mail in told} == {
            "Have you lost your second step for gate.example?",
            "A recovery code of your account at gate.example was used",
            "Your second step for gate.example stays",
        }
        told.append(MailTemplates("gate.example").second_factor_failed(EMAIL, at=0))  # type: ignore[arg-type]
        for mail in told:
            assert "password" not in mail.subject + mail.text.partition("If it was not you")[0]
            assert "mail" in mail.text.partition("If it was not you")[2], "who reads the owner's mail may have done it"

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
