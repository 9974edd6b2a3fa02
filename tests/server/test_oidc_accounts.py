"""Which account a sign-in at a provider opens, and what hooks of the application are asked."""

from typing import Any

import pytest

from gatepass import HookFacts, Refused
from tests.support.browser import EMAIL, RT, Browser
from tests.support.gates import GateHarness
from tests.support.person import Person, error_of
from tests.support.provider import Provider, callback


class TestAccounts:
    """Which account it is: the rules are those of `accounts.identities`, and here they are joined to the way."""

    async def test_the_session_says_how_the_person_signed_in(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        said = {"amr": ["pwd", "otp", "two words", 7, "fed", "otp"], "acr": "gold", "auth_time": at.clock.now() - 60}
        provider.claims = lambda claims: {**claims, **said}
        await person.sign_in_at(provider)
        await person.refreshed()
        (session,) = (await person.get("/sessions")).json()["sessions"]
        assert session["methods"] == ["fed", "pwd", "otp"]
        principal = at.gate.check.principal([person.bearer[1]])
        assert (principal.methods, principal.acr) == (("fed", "pwd", "otp"), "gold")
        assert principal.authenticated_at == at.clock.now() - 60

    async def test_the_same_subject_comes_back_to_its_account_whatever_its_address_says(
        self, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        await person.refreshed()
        first = (await person.get("/me")).json()["id"]
        provider.profile = {"email": "anna@example.org", "email_verified": False}
        await person.sign_in_at(provider)
        await person.refreshed()
        assert (await person.get("/me")).json()["id"] == first

    @pytest.mark.parametrize("verified", [False, None, "false", "True", 1, ["true"]])
    async def test_an_address_that_the_provider_has_not_verified_opens_no_account(
        self, at: GateHarness, provider: Provider, person: Person, ann: Browser, verified: object
    ) -> None:
        assert await at.gate.accounts.verify_address(EMAIL.lower()) is not None
        provider.profile["email_verified"] = verified
        assert error_of(await person.sign_in_at(provider)) == "link-required"
        assert RT not in person.jar

    async def test_an_address_may_be_verified_in_words(
        self, at: GateHarness, provider: Provider, person: Person, ann: Browser
    ) -> None:
        """Apple and Amazon Cognito send a text where OpenID Connect has a boolean."""
        assert await at.gate.accounts.verify_address(EMAIL.lower()) is not None
        provider.profile["email_verified"] = "true"
        assert (await person.sign_in_at(provider)).one("location") == "/"
        assert RT in person.jar

    async def test_an_account_that_was_planted_before_gets_no_identity(
        self, provider: Provider, person: Person, ann: Browser
    ) -> None:
        assert error_of(await person.sign_in_at(provider)) == "link-required"

    async def test_its_owner_links_the_provider_once_and_signs_in_with_it_from_then_on(
        self, at: GateHarness, provider: Provider, ann: Browser
    ) -> None:
        owner = Person(at.gate.asgi, key=ann.key)
        owner.jar, owner.access_token, sid = dict(ann.jar), ann.access_token, ann.sid
        answer = await owner.sign_in_at(provider, link=True, return_to="/account")
        assert answer.one("location") == "/account"
        assert owner.sid == sid, "the session goes on"
        assert (await owner.refresh()).status == 200
        fresh = Person(at.gate.asgi)
        assert (await fresh.sign_in_at(provider)).one("location") == "/"
        await fresh.refreshed()
        assert (await fresh.get("/me")).json() == (await owner.get("/me")).json()

    async def test_to_link_one_must_have_signed_in_just_now(
        self, at: GateHarness, provider: Provider, person: Person, ann: Browser
    ) -> None:
        assert (await person.start(link=True)).code == "invalid-token"
        person.access_token = ann.access_token
        at.clock.advance(601)
        assert (await person.start(link=True)).code == "insufficient-user-authentication"

    async def test_what_a_session_began_to_link_ends_with_it(
        self, at: GateHarness, provider: Provider, ann: Browser
    ) -> None:
        owner = Person(at.gate.asgi, key=ann.key)
        owner.jar, owner.access_token = dict(ann.jar), ann.access_token
        location = (await owner.start(link=True)).json()["location"]
        await ann.logout()
        answer = await owner.open(callback("acme", provider.answer(location)), site="cross-site")
        assert error_of(answer) == "session-ended"
        assert error_of(await Person(at.gate.asgi).sign_in_at(provider)) == "link-required"


class TestHooks:
    """The rules of the application hold at a provider too, and its hooks hear of the account."""

    async def test_a_refused_registration_makes_no_account_and_the_page_has_the_applications_code(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        asked: list[HookFacts[Any]] = []

        @at.gate.before("register")
        async def our_people_alone(facts: HookFacts[Any]) -> None:
            asked.append(facts)
            raise Refused("domain-not-allowed", "Use your address at work.")

        assert error_of(await person.sign_in_at(provider, return_to="/welcome")) == "app:domain-not-allowed"
        assert at.memory._accounts == {}
        assert at.memory._identities == {}
        assert RT not in person.jar
        (facts,) = asked
        assert (facts.kind, facts.email, facts.provider, facts.account) == ("register", EMAIL, "acme", None)
        assert facts.extra is None, "a provider sends the browser back, and no members of the application"
        assert facts.request is not None
        assert facts.request.network == "203.0.113.0/24"
        assert "cookie" not in facts.request.headers

    async def test_hooks_hear_of_an_account_that_a_sign_in_made_and_of_the_sign_in(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        told: list[HookFacts[Any]] = []
        at.gate.after("register")(told.append)
        at.gate.after("sign_in")(told.append)
        await person.sign_in_at(provider)
        made, began = told
        assert (made.kind, made.email) == ("register", EMAIL)
        assert made.account is not None
        assert made.account.email_verified
        assert (began.kind, began.account_id, began.provider) == ("sign_in", made.account_id, "acme")
        assert began.methods[0] == "fed"
        await Person(at.gate.asgi).sign_in_at(provider)
        assert [facts.kind for facts in told] == ["register", "sign_in", "sign_in"], "it is registered once"

    async def test_a_refused_sign_in_begins_no_session_and_links_stay(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        refuses = True

        @at.gate.before("sign_in")
        async def not_now(facts: HookFacts[Any]) -> None:
            if refuses:
                raise Refused("closed-for-the-night", "Come back at seven.")

        assert error_of(await person.sign_in_at(provider)) == "app:closed-for-the-night"
        assert RT not in person.jar
        assert at.memory.rows() == {}
        refuses = False
        assert (await person.sign_in_at(provider)).one("location") == "/"

    async def test_a_sign_in_over_a_session_of_the_browser_is_asked_too(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        before = set(at.memory.rows())
        asked: list[str] = []

        @at.gate.before("sign_in")
        async def never(facts: HookFacts[Any]) -> None:
            asked.append(facts.kind)
            raise Refused("never", "Not today.")

        assert error_of(await person.sign_in_at(provider)) == "app:never"
        assert asked == ["sign_in"]
        assert set(at.memory.rows()) == before

    async def test_a_hook_that_fails_sends_the_browser_back_with_internal_error(
        self, at: GateHarness, provider: Provider, person: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        @at.gate.before("register")
        async def broken(facts: HookFacts[Any]) -> None:
            raise KeyError("a secret of the application")

        answer = await person.sign_in_at(provider)
        assert error_of(answer) == "internal-error"
        assert person.errands == []
        assert "a secret of the application" in caplog.text
        assert "secret" not in repr(at.events)
        assert at.memory._accounts == {}
