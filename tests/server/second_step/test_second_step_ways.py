"""Second steps behind every way in, and the policy that asks for them."""

from collections.abc import Iterator

import pytest

from gatepass import AccountFacts
from gatepass.core.policy import DAY, Policy
from gatepass.errors import ConfigurationError, SecondFactorRequired
from tests.support.browser import EMAIL, PASSWORD, RT, Browser
from tests.support.factors import App, account_of, enrol
from tests.support.gates import GateHarness, open_gate
from tests.support.person import Person, error_of
from tests.support.provider import Provider
from tests.support.second_step import caller, ticket_of


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
