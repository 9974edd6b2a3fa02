"""Codes by mail: the hooks of the application, and the setting that lets them in."""

import pytest
from pydantic import BaseModel

from gatepass import HookFacts, Refused
from gatepass.core.policy import Policy
from gatepass.errors import ConfigurationError
from tests.support.browser import EMAIL
from tests.support.gates import GateHarness
from tests.support.mail import Post, post
from tests.support.mail_codes import POLICY, ask, code_at, other_browser, show


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
