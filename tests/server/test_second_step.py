"""Two steps: what the first one answers, what a ticket is good for, and what begins in the end."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gatepass import AccountFacts, HookFacts, Refused
from gatepass.core.policy import DAY, Policy
from gatepass.core.sign_in_ticket import TICKET_TTL
from gatepass.errors import ConfigurationError, SecondFactorRequired
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, PASSWORD, RT, Browser
from tests.support.factors import App, account_of, enrol
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import post
from tests.support.person import Person, error_of
from tests.support.provider import Provider

JSON = "application/json"


@pytest.fixture
async def app(at: GateHarness, ann: Browser) -> App:
    """Ann's account has an authenticator app."""
    return await enrol(at)


@pytest.fixture
def other(at: GateHarness) -> Browser:
    """A browser that is not signed in."""
    return Browser(at.gate.asgi, key=b"o" * 32)


async def ticket_of(browser: Browser, **more: Any) -> str:
    """The ticket of a first step."""
    answer = await browser.login(**more)
    assert (answer.status, answer.code) == (401, "second-factor-required")
    return str(answer.json()["ticket"])


def caller(at: GateHarness, browser: Browser) -> Any:
    return at.gate.check.principal([f"Bearer {browser.access_token}"])


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


class TestEveryWayIn:
    """An account's second factor is asked for, whichever way the first one came."""

    @pytest.fixture
    def provider(self, at: GateHarness) -> Iterator[Provider]:
        with Provider(at.clock.now) as made:
            at.gate.oidc("acme", **made.options)
            yield made

    @pytest.fixture
    async def person(self, at: GateHarness, ann: Browser, provider: Provider) -> Person:
        """Ann, whose account has an identity at the provider, signed out."""
        person = Person(at.gate.asgi)
        person.jar, person.access_token = dict(ann.jar), ann.access_token
        assert (await person.sign_in_at(provider, link=True)).status == 303
        person.jar, person.access_token = {}, ""
        return person

    async def test_a_provider_sends_the_browser_back_with_a_ticket_that_no_address_has(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        app = await enrol(at)
        answer = await person.sign_in_at(provider, return_to="/notes")
        assert error_of(answer) == "second-factor-required"
        assert "gp_st_" not in answer.one("location")
        assert RT not in person.jar
        taken = await person.ask("/login/ticket")
        assert (taken.status, taken.json()["methods"]) == (200, ["totp", "recovery"])
        assert person.errands == [], "it is handed out once"
        assert (await person.ask("/login/ticket")).code == "sign-in-expired"
        ended = await person.ask("/login/totp", ticket=taken.json()["ticket"], code=app.code())
        assert ended.status == 200
        assert caller(at, person).methods == ("fed", "otp", "mfa")
        assert (await person.refresh()).status == 200, "bound to the key with which the page set out"

    async def test_a_provider_that_says_it_asked_for_several_factors_is_believed(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await enrol(at)
        provider.claims = lambda claims: {**claims, "amr": ["pwd", "otp", "mfa"]}
        assert (await person.sign_in_at(provider)).one("location") == "/"
        assert (await person.refresh()).status == 200

    async def test_what_the_provider_ends_later_ends_the_session_of_both_steps(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        app = await enrol(at)
        provider.claims = lambda claims: {**claims, "sid": "there"}
        await person.sign_in_at(provider)
        ticket = (await person.ask("/login/ticket")).json()["ticket"]
        assert (await person.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        ended = await at.memory.end_provider_sessions(
            provider.issuer, subject=None, provider_sid="there", issued_by=at.clock.now(), now=at.clock.now()
        )
        assert [sid.hex() for sid in ended] == [person.sid]

    async def test_the_application_that_vouches_for_one_factor_is_told_what_is_missing(
        self, at: GateHarness, app: App
    ) -> None:
        account = await account_of(at)
        scope = {"type": "http", "method": "GET", "path": "/in", "headers": [], "client": ("203.0.113.7", 5)}
        with pytest.raises(SecondFactorRequired) as needed:
            await at.gate.sign_in(scope, account.id, methods=("saml",))
        assert needed.value.methods == ("totp", "recovery")
        browser = Browser(at.gate.asgi, key=None)
        answer = await browser.ask("/login/totp", ticket=needed.value.ticket, code=app.code())
        assert answer.status == 200
        assert caller(at, browser).methods == ("saml", "otp", "mfa")
        vouched = await at.gate.sign_in(scope, account.id, methods=("saml", "mfa"))
        assert vouched.session_id

    async def test_a_new_password_keeps_the_assurance_that_the_session_had(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        assert (await other.ask("/login/totp", ticket=await ticket_of(other), code=app.code())).status == 200
        answer = await other.enter("/password", current=PASSWORD, new="eight green bottles on a wall")
        assert answer.status == 200
        assert caller(at, other).methods == ("pwd", "otp", "mfa")
        assert caller(at, other).acr == "mfa"


class TestPolicy:
    async def test_off_asks_for_nothing(self) -> None:
        async with open_gate(policy=Policy(second_factor="off")) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            await enrol(at)
            assert (await ann.login()).status == 200

    async def test_required_gives_time_to_enrol_from_the_first_sign_in_on_and_no_more(self) -> None:
        async with open_gate(policy=Policy(second_factor="required", second_factor_grace=DAY)) as at:
            ann = Browser(at.gate.asgi)
            assert (await ann.register()).status == 201
            at.clock.advance(DAY - 1)
            assert (await ann.login()).status == 200
            at.clock.advance(1)
            answer = await ann.login()
            assert (answer.status, answer.json()["methods"]) == (401, ["enrol"])

    async def test_the_time_to_enrol_is_told_until_there_is_a_factor(self) -> None:
        async with open_gate(policy=Policy(second_factor="required", second_factor_grace=DAY)) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            assert (await ann.get("/factors")).json()["enrol_by"] == at.clock.now() + DAY
            account_id = caller(at, ann).account_id
            await enrol(at)
            assert (await ann.get("/factors")).json()["enrol_by"] is None
            assert (await at.gate.factors.summary(account_id)).enrol_by is None

    async def test_with_no_time_at_all_an_account_enrols_as_it_signs_in(self) -> None:
        async with open_gate(policy=Policy(second_factor="required", second_factor_grace=0)) as at:
            ann = Browser(at.gate.asgi)
            answer = await ann.register()
            assert (answer.status, answer.json()["methods"], answer.cookies) == (401, ["enrol"], [])
            ticket = answer.json()["ticket"]
            begun = await ann.ask("/login/enrol", ticket=ticket)
            assert begun.json()["uri"].startswith("otpauth://totp/")
            app = App(at, App.secret_of(begun.json()["secret"]))
            wrong = await ann.ask("/login/enrol/confirm", ticket=ticket, code=app.wrong())
            assert (wrong.status, wrong.code) == (401, "invalid-code")
            done = await ann.ask("/login/enrol/confirm", ticket=ticket, code=app.code())
            assert (done.status, len(done.json()["recovery_codes"])) == (200, 10)
            assert caller(at, ann).methods == ("pwd", "otp", "mfa")
            assert (await ann.refresh()).status == 200
            assert (await ann.ask("/login/totp", ticket=await ticket_of(ann), code=app.code())).status == 200

    async def test_a_function_of_the_application_requires_it_of_some_accounts(self, at: GateHarness) -> None:
        asked: list[str] = []

        @at.gate.second_factor_of
        def administrators(account: AccountFacts) -> bool:
            asked.append(account.email)
            return account.email == EMAIL

        ann, bob = Browser(at.gate.asgi), Browser(at.gate.asgi)
        assert (await ann.register()).status == (await bob.register("bob@example.com")).status == 201
        assert asked == [EMAIL, "bob@example.com"]
        at.clock.advance(8 * DAY)
        assert (await ann.login()).json()["methods"] == ["enrol"]
        assert (await bob.login("bob@example.com")).status == 200

    async def test_a_function_that_fails_lets_nobody_in(self, at: GateHarness, ann: Browser) -> None:
        @at.gate.second_factor_of
        async def broken(account: AccountFacts) -> bool:
            raise LookupError(account.id)

        answer = await ann.login()
        assert (answer.status, answer.cookies) == (500, [])
        assert "LookupError" in repr(at.events)

    async def test_a_function_where_factors_are_off_is_refused_at_once(self) -> None:
        async with open_gate(policy=Policy(second_factor="off")) as at:
            with pytest.raises(ConfigurationError, match="SECOND_FACTOR is off"):
                at.gate.second_factor_of(lambda _account: True)


class TestStepUp:
    async def test_it_begins_a_new_session_in_place_of_the_callers(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        before, asked = ann.sid, await ann.enter("/step-up")
        assert (asked.status, asked.json()["methods"], asked.cookies) == (200, ["totp", "recovery"], [])
        answer = await ann.ask("/login/totp", ticket=asked.json()["ticket"], code=app.code())
        assert answer.status == 200
        assert ann.sid != before
        assert (caller(at, ann).methods, caller(at, ann).acr) == (("pwd", "otp", "mfa"), "mfa")
        assert caller(at, ann).authenticated_at == at.clock.now()
        (ended,) = at.named("session_revoked")
        assert (ended.sid, ended.reason) == (before, "replaced")  # type: ignore[attr-defined]
        assert (await ann.refresh()).status == 200

    async def test_an_account_without_factors_is_told_so(self, ann: Browser) -> None:
        answer = await ann.ask("/step-up")
        assert (answer.status, answer.code) == (403, "no-second-factor")

    async def test_a_session_that_ended_meanwhile_is_not_brought_back(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        ticket = (await ann.enter("/step-up")).json()["ticket"]
        await at.gate.sessions.revoke_all((await account_of(at)).id, reason="revoked")
        answer = await ann.ask("/login/totp", ticket=ticket, code=app.code())
        assert (answer.status, answer.code, answer.cookies) == (400, "sign-in-expired", [])

    async def test_not_even_if_it_ends_while_the_new_one_begins(self, at: GateHarness, ann: Browser, app: App) -> None:
        ticket, account = (await ann.enter("/step-up")).json()["ticket"], await account_of(at)
        own = bytes.fromhex(ann.sid)

        async def end(verb: str) -> None:
            if verb == "use_once":
                await at.memory.revoke(own, reason="revoked", now=at.clock.now())

        at.store.after = end
        answer = await ann.ask("/login/totp", ticket=ticket, code=app.code())
        assert (answer.code, answer.cookies) == ("sign-in-expired", [])
        assert await at.gate.sessions.list_for_account(account.id) == []

    async def test_it_needs_a_session(self, other: Browser) -> None:
        assert (await other.ask("/step-up")).code == "token-required"

    async def test_the_cookies_last_as_those_of_the_session_before(
        self, at: GateHarness, ann: Browser, app: App
    ) -> None:
        browser = Browser(at.gate.asgi)
        ticket = await ticket_of(browser, remember=False)
        await browser.ask("/login/totp", ticket=ticket, code=app.code())
        ticket = (await browser.enter("/step-up")).json()["ticket"]
        answer = await browser.ask("/login/totp", ticket=ticket, code=app.code())
        assert "Max-Age" not in answer.cookie(RT).marks


class TestWhatMatters:
    """What changes how an account is signed in to wants a session of several factors, where the account has them."""

    async def attempts(self, browser: Browser) -> list[Answer]:
        own = [browser.bearer, ("gatepass-client", "1")]
        return [
            await browser.enter("/password", current=PASSWORD, new="eight green bottles on a wall"),
            await browser.ask("/email", email="ann@new.example", password=PASSWORD),
            await browser.ask("/account/delete", password=PASSWORD),
            await browser.send("DELETE", f"/identities/{'0' * 32}", headers=own),
        ]

    async def test_a_session_of_one_factor_is_told_to_step_up(self, ann: Browser, app: App) -> None:
        for answer in await self.attempts(ann):
            assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
            assert answer.json()["acr_values"] == "mfa"
            assert 'acr_values="mfa"' in answer.one("www-authenticate")

    async def test_stepped_up_it_goes_on(self, ann: Browser, app: App) -> None:
        ticket = (await ann.enter("/step-up")).json()["ticket"]
        assert (await ann.ask("/login/totp", ticket=ticket, code=app.code())).status == 200
        gone = await ann.ask("/account/delete", password=PASSWORD)
        assert (gone.status, gone.cookies[0].is_deletion) == (204, True)

    async def test_without_factors_nothing_more_is_asked(self, ann: Browser) -> None:
        assert (await ann.enter("/password", current=PASSWORD, new="eight green bottles on a wall")).status == 200


class TestReports:
    """Ways around a second factor that other projects were told of, tried here."""

    async def test_a_password_that_was_reset_by_mail_signs_nobody_in_and_removes_no_factor(self) -> None:
        """pallets-eco/flask-security #258, LemmyNet/lemmy #3714."""
        async with post(policy=Policy(registration="open")) as made:
            ann = made.browser()
            await ann.register()
            await made.at.memory.verify_account((await account_of(made.at)).id, now=1)
            app = await enrol(made.at)
            await made.ask("/password/forgot", {"email": EMAIL})
            new = "eight green bottles on a wall"
            reset = await made.ask("/password/reset", {"token": await made.token(), "new": new})
            assert (reset.status, reset.cookies) == (204, [])
            thief = made.browser()
            answer = await thief.login(EMAIL, new)
            assert (answer.code, answer.cookies) == ("second-factor-required", [])
            assert (await thief.ask("/login/totp", ticket=answer.json()["ticket"], code=app.code())).status == 200

    async def test_nor_does_one_of_an_account_whose_address_was_never_verified(self) -> None:
        async with post(policy=Policy(registration="open")) as made:
            await made.browser().register()
            app = await enrol(made.at)
            await made.ask("/password/forgot", {"email": EMAIL})
            new = "eight green bottles on a wall"
            assert (await made.ask("/password/reset", {"token": await made.token(), "new": new})).status == 204
            browser = made.browser()
            answer = await browser.login(EMAIL, new)
            assert (answer.code, answer.json()["methods"]) == ("second-factor-required", ["totp", "recovery"])
            assert (await browser.ask("/login/totp", ticket=answer.json()["ticket"], code=app.code())).status == 200

    async def test_the_first_step_leaves_nothing_by_which_a_browser_is_remembered(
        self, app: App, other: Browser
    ) -> None:
        """scheb/two-factor-bundle #253, antonioribeiro/google2fa-laravel #214: the remember cookie came too early."""
        await ticket_of(other, remember=True)
        assert other.jar == {}
        assert (await other.send("POST", "/refresh", headers=[("gatepass-client", "1")])).code == "no-session"

    async def test_a_ticket_opens_no_other_account_and_no_guarded_route(
        self, at: GateHarness, app: App, other: Browser
    ) -> None:
        """twilio/authy-devise #58: what one account had proved was taken for another."""
        await Browser(at.gate.asgi).register("bob@example.com")
        bobs = await enrol(at, "bob@example.com")
        ticket = await ticket_of(other)
        answer = await other.ask("/login/totp", ticket=ticket, code=bobs.code())
        assert answer.code == "invalid-code"
        assert (await other.send("GET", "/me", headers=[("authorization", f"Bearer {ticket}")])).status == 401

    async def test_a_code_that_was_used_opens_no_second_ticket(self, at: GateHarness, app: App, other: Browser) -> None:
        """better-auth #10387, neiliro #55 (RFC 6238 §5.2)."""
        code = app.code()
        assert (await other.ask("/login/totp", ticket=await ticket_of(other), code=code)).status == 200
        thief = Browser(at.gate.asgi)
        answer = await thief.ask("/login/totp", ticket=await ticket_of(thief), code=code)
        assert answer.code == "invalid-code"

    async def test_a_thief_with_the_password_gets_no_more_guesses_by_signing_in_again(
        self, at: GateHarness, app: App
    ) -> None:
        """wg-easy #2775: a new first step made the count of the second one begin anew."""
        thief = Browser(at.gate.asgi, address="198.51.100.9")
        codes = []
        for _ in range(7):
            ticket = await ticket_of(thief)
            codes.append((await thief.ask("/login/totp", ticket=ticket, code=app.wrong())).code)
        assert codes[:5] == ["invalid-code"] * 5
        assert codes[-1] == "too-many-attempts"

    async def test_who_enrols_while_a_thief_is_between_the_steps_wins(self, at: GateHarness, ann: Browser) -> None:
        """supabase/auth #1439, AthenaNetworks/mymate #42: a factor of the thief's own, beside the owner's."""
        async with open_gate(policy=Policy(second_factor="required", second_factor_grace=0)) as made:
            await Browser(made.gate.asgi).register()
            thief = Browser(made.gate.asgi)
            ticket = (await thief.login()).json()["ticket"]
            begun = await thief.ask("/login/enrol", ticket=ticket)
            mine = App(made, App.secret_of(begun.json()["secret"]))
            await enrol(made)
            late = await thief.ask("/login/enrol/confirm", ticket=ticket, code=mine.code())
            assert (late.status, late.code, late.cookies) == (400, "sign-in-expired", [])
            fresh = (await thief.login()).json()
            assert fresh["methods"] == ["totp", "recovery"]
            for path, more in (("/login/enrol", {}), ("/login/enrol/confirm", {"code": mine.code()})):
                assert (await thief.ask(path, ticket=fresh["ticket"], **more)).code == "sign-in-expired"

    async def test_a_sign_in_that_began_before_the_factor_was_enrolled_ends_without_a_session(
        self, at: GateHarness, ann: Browser, other: Browser
    ) -> None:
        """The race of the password alone: looked at before the factor was there, stored after."""

        async def enrol_now(verb: str) -> None:
            if verb == "list_for_account":
                at.store.before = None
                await enrol(at)

        at.store.before = enrol_now
        answer = await other.login()
        assert (answer.status, answer.code, answer.cookies) == (401, "invalid-credentials", [])
        assert (await other.login()).code == "second-factor-required"

    @pytest.mark.parametrize("change", ["password", "disable", "factor"])
    async def test_a_ticket_dies_with_every_change_of_its_account(
        self, at: GateHarness, app: App, other: Browser, change: str
    ) -> None:
        """dotnet/aspnetcore #21985: what was proved before the security stamp changed went on counting."""
        ticket, account = await ticket_of(other), await account_of(at)
        if change == "password":
            await at.memory.change_password(
                account.id, password_hash="x", credential_version=account.credential_version, now=1, keep=None
            )
        elif change == "disable":
            await at.gate.accounts.disable(account.id)
        else:
            await at.memory.remove_totp(account.id, credential_version=account.credential_version)
        answer = await other.ask("/login/recovery", ticket=ticket, code=app.recovery_codes[0])
        assert (answer.status, answer.code) == (400, "sign-in-expired")
