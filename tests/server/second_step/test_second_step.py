"""Two steps: what the first one answers, what a ticket is good for, and what begins in the end."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from gatepass import HookFacts, Refused
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.errors import SecondFactorRequired
from tests.support.asgi import call
from tests.support.browser import EMAIL, RT, Browser
from tests.support.factors import App, account_of
from tests.support.gates import GateHarness
from tests.support.second_step import caller, ticket_of

JSON = "application/json"


class TestFirstStep:
    async def test_it_says_what_may_follow_and_begins_nothing(self, at: GateHarness, app: App, other: Browser) -> None:
        answer = await other.login()
        assert (answer.status, answer.code) == (401, "second-factor-required")
        assert answer.json()["methods"] == ["totp", "recovery"]
        assert answer.json()["expires_in"] == TICKET_TTL
        assert answer.one("www-authenticate") == "Bearer"
        assert answer.one("cache-control") == "no-store"
        assert answer.cookies == []
        assert len(await at.gate.sessions.list_for_account((await account_of(at)).id)) == 1, "Ann's own"
        (asked,) = at.named("authn_second_factor_asked")
        assert (asked.account_id, asked.methods) == ((await account_of(at)).id, "totp recovery")  # type: ignore[attr-defined]

    async def test_a_wrong_password_is_answered_in_the_same_words_by_the_same_work_with_and_without_factors(
        self, at: GateHarness, app: App
    ) -> None:
        await Browser(at.gate.asgi).register("bob@example.com")
        answers, traces = [], []
        for number, email in enumerate(("warm@example.com", EMAIL, "bob@example.com", "nobody@example.com")):
            at.store.verbs.clear()
            stranger = Browser(at.gate.asgi, address=f"198.51.{number}.7")
            answer = await stranger.login(email, "not the password of it")
            answers.append((answer.status, answer.headers, answer.body))
            traces.append(list(at.store.verbs))
        del answers[0], traces[0]
        assert len(set(answers)) == 1
        assert traces[0] == traces[1] == traces[2]
        assert "factors" not in traces[0]

    async def test_the_ticket_is_in_no_log_and_no_event(self, at: GateHarness, app: App, other: Browser) -> None:
        answer = await other.login()
        ticket = answer.json()["ticket"]
        assert ticket not in repr(at.events)
        assert ticket not in repr(SecondFactorRequired(["totp"], ticket=ticket, expires_in=1))
        assert ticket not in str(SecondFactorRequired(["totp"], ticket=ticket, expires_in=1))

    async def test_an_account_without_factors_signs_in_as_ever(self, other: Browser, ann: Browser) -> None:
        assert (await other.login()).status == 200


class TestSecondStep:
    async def test_a_code_begins_a_session_of_several_factors_bound_to_the_key_of_the_first_step(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        ticket = await ticket_of(other)
        answer = await other.ask("/login/totp", ticket=ticket, code=app.code())
        assert (answer.status, answer.json()["account"]["email"]) == (200, EMAIL)
        assert caller(at, other).methods == ("pwd", "otp", "mfa")
        assert caller(at, other).acr == "mfa"
        assert caller(at, other).authenticated_at == at.clock.now()
        assert (await other.refresh()).status == 200
        other.key = b"t" * 32
        assert (await other.refresh()).code == "proof-required"

    async def test_a_recovery_code_ends_it_too_and_is_used_up(self, at: GateHarness, app: App, other: Browser) -> None:
        code = app.recovery_codes[3]
        answer = await other.ask("/login/recovery", ticket=await ticket_of(other), code=code)
        assert answer.status == 200
        assert caller(at, other).methods == ("pwd", "recovery", "mfa")
        thief = Browser(at.gate.asgi)
        answer = await thief.ask("/login/recovery", ticket=await ticket_of(thief), code=code)
        assert (answer.status, answer.code) == (401, "invalid-code")

    async def test_a_mistyped_code_can_be_typed_again_and_the_ticket_counts_once(
        self, app: App, other: Browser
    ) -> None:
        ticket = await ticket_of(other)
        wrong = await other.ask("/login/totp", ticket=ticket, code=app.wrong())
        assert (wrong.status, wrong.code, wrong.cookies) == (401, "invalid-code", [])
        assert (await other.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        again = await other.ask("/login/totp", ticket=ticket, code=app.code())
        assert (again.status, again.code) == (400, "sign-in-expired")

    async def test_a_key_may_be_shown_again_and_another_one_is_refused_before_the_code_is_looked_at(
        self, app: App, other: Browser
    ) -> None:
        ticket, code = await ticket_of(other), app.code()
        thief = other.clone(key=b"t" * 32)
        answer = await thief.enter("/login/totp", ticket=ticket, code=code)
        assert (answer.status, answer.code) == (400, "sign-in-expired")
        assert (await other.enter("/login/totp", ticket=ticket, code=code)).status == 200

    async def test_a_client_that_had_no_key_at_the_first_step_may_bring_one_to_the_second(
        self, at: GateHarness, app: App
    ) -> None:
        browser = Browser(at.gate.asgi, key=None)
        ticket = await ticket_of(browser)
        browser.key = b"n" * 32
        assert (await browser.enter("/login/totp", ticket=ticket, code=app.code())).status == 200
        assert (await browser.refresh()).status == 200

    @pytest.mark.parametrize("remember", [True, False])
    async def test_whether_to_remember_is_what_the_first_step_said(
        self, app: App, other: Browser, remember: bool
    ) -> None:
        ticket = await ticket_of(other, remember=remember)
        answer = await other.ask("/login/totp", ticket=ticket, code=app.code())
        assert ("Max-Age" in answer.cookie(RT).marks) == remember

    async def test_the_sessions_whose_cookies_came_end_as_at_any_sign_in(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        before = ann.sid
        ticket = await ticket_of(ann)
        assert (await ann.refresh()).status == 200, "the first step has ended nothing"
        assert (await ann.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        assert [event.sid for event in at.named("session_revoked")] == [before]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("path", ["/login/totp", "/login/recovery", "/login/enrol/confirm"])
    @pytest.mark.parametrize("text", ["x", "gp_st_", "gp_st_" + "A" * 200, "é"])
    async def test_what_is_no_ticket_gets_one_answer(self, other: Browser, path: str, text: str) -> None:
        answer = await other.ask(path, ticket=text, code="123456")
        assert (answer.status, answer.code) == (400, "sign-in-expired")

    async def test_it_expires(self, at: GateHarness, app: App, other: Browser) -> None:
        ticket = await ticket_of(other)
        at.clock.advance(TICKET_TTL)
        answer = await other.ask("/login/totp", ticket=ticket, code=app.shown())
        assert answer.code == "sign-in-expired"

    async def test_of_two_second_steps_at_once_one_begins_a_session(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        ticket, code = await ticket_of(other), app.code()
        answers = await asyncio.gather(
            other.ask("/login/totp", ticket=ticket, code=code),
            other.clone(key=other.key).ask("/login/recovery", ticket=ticket, code=app.recovery_codes[0]),
        )
        assert sorted(answer.status for answer in answers) == [200, 400]

    async def test_a_page_of_another_site_ends_none(self, app: App, other: Browser) -> None:
        ticket = await ticket_of(other)
        body = json.dumps({"ticket": ticket, "code": app.code()}).encode()
        sent = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("content-type", JSON)]
        answer = await call(other.app, "POST", "/login/totp", headers=sent, body=body)
        assert (answer.status, answer.code) == (403, "cross-site")


class Captcha(BaseModel):
    captcha: str


class TestHooks:
    async def test_rules_are_asked_once_at_the_end_with_all_methods_and_what_the_first_step_brought(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        heard: list[tuple[str, object]] = []

        @at.gate.before("sign_in", extra=Captcha)
        async def rule(facts: HookFacts[Captcha]) -> None:
            heard.append(("+".join(facts.methods), facts.extra))

        @at.gate.after("sign_in")
        async def told(facts: HookFacts[None]) -> None:
            heard.append(("after", facts.methods))

        ticket = await ticket_of(other, captcha="c1")
        assert heard == []
        assert (await other.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        assert heard == [("pwd+otp+mfa", Captcha(captcha="c1")), ("after", ("pwd", "otp", "mfa"))]

    async def test_a_rule_may_still_refuse(self, at: GateHarness, app: App, other: Browser) -> None:
        @at.gate.before("sign_in")
        async def rule(_facts: HookFacts[None]) -> None:
            raise Refused("closed", "Come back tomorrow.")

        answer = await other.ask("/login/totp", ticket=await ticket_of(other), code=app.code())
        assert (answer.status, answer.code, answer.cookies) == (403, "app:closed", [])

    async def test_a_step_whose_rule_cannot_be_asked_has_used_its_ticket_and_its_code_up(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        @at.gate.before("sign_in")
        async def rule(_facts: HookFacts[None]) -> None:
            raise RuntimeError("out of order")

        ticket = await ticket_of(other)
        assert (await other.ask("/login/recovery", ticket=ticket, code=app.recovery_codes[0])).status == 500
        again = await other.ask("/login/recovery", ticket=ticket, code=app.recovery_codes[1])
        assert (again.status, again.code) == (400, "sign-in-expired")
        anew = await other.ask("/login/recovery", ticket=await ticket_of(other), code=app.recovery_codes[0])
        assert anew.code == "invalid-code"
