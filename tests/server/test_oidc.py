"""Sign-in at a provider: the way there and back, the way of the browser's cookies, and what must hold on it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from gatepass import HookFacts, Refused
from gatepass.oidc import errand as errands
from gatepass.oidc import fetch
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, RT, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.person import ERRAND, Person, error_of
from tests.support.provider import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, Provider, callback, send


@pytest.fixture
def provider(at: GateHarness) -> Iterator[Provider]:
    with Provider(at.clock.now) as made:
        at.gate.oidc("acme", **made.options)
        yield made


@pytest.fixture
def person(at: GateHarness) -> Person:
    return Person(at.gate.asgi)


def asked(answer: Answer) -> dict[str, str]:
    """What the provider is asked."""
    return dict(parse_qsl(urlsplit(answer.json()["location"]).query))


def offering(method: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A discovery document that offers one way to tell the secret."""
    return lambda members: {**members, "token_endpoint_auth_methods_supported": [method]}


def whys(at: GateHarness) -> str:
    """What the operator is told."""
    return " ".join(getattr(event, "why", "") for event in at.events)


class TestTheWay:
    async def test_the_person_comes_back_signed_in_with_a_session_that_is_bound(
        self, provider: Provider, person: Person
    ) -> None:
        answer = await person.sign_in_at(provider, return_to="/notes?tab=2#last")
        assert (answer.status, answer.one("location")) == (303, "/notes?tab=2#last")
        assert answer.cookie(RT).marks["SameSite"] == "Strict"
        assert person.errands == []
        assert (await person.refresh()).status == 200
        person.key = None
        assert (await person.refresh()).code == "proof-required"

    async def test_a_link_begins_without_a_key_and_the_page_binds_the_session_at_its_first_refresh(
        self, provider: Provider, person: Person
    ) -> None:
        sent = await person.open(f"/oidc/acme/start?return_to={quote('/notes')}")
        assert (sent.status, sent.one("cache-control")) == (303, "no-store")
        answer = await person.open(callback("acme", provider.answer(sent.one("location"))), site="cross-site")
        assert answer.one("location") == "/notes"
        assert (await person.refresh(binds=True)).status == 200

    async def test_the_provider_is_asked_with_pkce_state_and_nonce(self, provider: Provider, person: Person) -> None:
        answer = await person.start()
        location = answer.json()["location"]
        assert location.startswith(f"{provider.issuer}/authorize?flow=main&")
        request = asked(answer)
        assert request["redirect_uri"] == "https://gate.example/oidc/acme/callback"
        assert request["scope"] == "openid email profile"
        assert request["code_challenge_method"] == "S256"
        assert {len(request["state"]), len(request["nonce"]), len(request["code_challenge"])} == {22, 43}

    async def test_one_sign_in_asks_for_what_it_needs(self, provider: Provider, person: Person) -> None:
        wishes: dict[str, Any] = {"prompt": "select_account", "max_age": 300, "login_hint": "ann+1@example.com"}
        by_page = asked(await person.start(**wishes))
        query = "&".join(f"{name}={quote(str(value))}" for name, value in wishes.items())
        sent = await person.open(f"/oidc/acme/start?{query}")
        by_link = dict(parse_qsl(urlsplit(sent.one("location")).query))
        for request in (by_page, by_link):
            assert {name: request[name] for name in wishes} == {name: str(value) for name, value in wishes.items()}

    @pytest.mark.parametrize(
        "wish",
        [{"prompt": "none"}, {"max_age": -1}, {"max_age": "x"}, {"login_hint": "a\r\nb"}, {"acr_values": "low"}],
    )
    async def test_a_page_may_ask_for_nothing_else(self, provider: Provider, person: Person, wish: Any) -> None:
        assert (await person.start(**wish)).status == 422
        if "acr_values" not in wish:
            ((name, value),) = wish.items()
            assert (await person.open(f"/oidc/acme/start?{name}={quote(str(value))}")).status == 422

    async def test_a_key_of_ours_takes_the_place_of_a_secret(self, at: GateHarness) -> None:
        """RFC 7523: for this issuer, for two minutes, and each one once."""
        kinds: list[tuple[RSAKey | ECKey, str]] = [
            (RSAKey.generate_key(2048), "RS256"), (ECKey.generate_key("P-256"), "ES256")
        ]  # fmt: skip
        for key, algorithm in kinds:
            with Provider(at.clock.now) as provider:
                pem = key.as_pem(private=True).decode()
                options = {**provider.options, "client_secret": None, "client_key": pem, "client_key_id": "2026"}
                made = at.gate.oidc(algorithm.lower(), **options)
                assert "PRIVATE" not in repr(made)
                for _ in range(2):
                    answer = await Person(at.gate.asgi).sign_in_at(provider, algorithm.lower())
                    assert answer.one("location") == "/"
                said = [jwt.decode(form["client_assertion"], key, algorithms=[algorithm]) for form in provider.forms]
                claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": provider.issuer, "iat": at.clock.now()}
                assert said[0].header == {"alg": algorithm, "typ": "JWT", "kid": "2026"}
                assert said[0].claims == {**claims, "exp": at.clock.now() + 120, "jti": said[0].claims["jti"]}
                assert said[0].claims["jti"] != said[1].claims["jti"]
                assert all("client_secret" not in form for form in provider.forms)

    async def test_a_key_of_ours_may_be_for_the_token_endpoint(self, at: GateHarness) -> None:
        key = ECKey.generate_key("P-256")
        with Provider(at.clock.now) as provider:
            options = {**provider.options, "client_secret": None, "client_key": key.as_pem(private=True).decode()}
            at.gate.oidc("okta", **options, client_key_audience="token_endpoint")
            assert (await Person(at.gate.asgi).sign_in_at(provider, "okta")).one("location") == "/"
            said = jwt.decode(provider.forms[0]["client_assertion"], key, algorithms=["ES256"])
            assert said.claims["aud"] == f"{provider.issuer}/token"

    async def test_the_page_of_another_host_is_told_that_a_session_began_and_not_that_one_was_linked(self) -> None:
        page = "https://app.gate.example/notes?a=1#b"
        async with open_gate(browsers=Browsers(origins=["https://app.gate.example"])) as at:
            with Provider(at.clock.now) as provider:
                at.gate.oidc("acme", **provider.options)
                person = Person(at.gate.asgi)
                answer = await person.sign_in_at(provider, return_to=page)
                told = "https://app.gate.example/notes?a=1&gatepass_signed_in=gate.example#b"
                assert answer.one("location") == told
                assert RT in person.jar
                await person.refresh()
                assert (await person.sign_in_at(provider, return_to=page, link=True)).one("location") == page

    async def test_the_token_endpoint_is_told_the_secret_as_discovery_says(self, at: GateHarness) -> None:
        for method, where in (("client_secret_basic", "header"), ("client_secret_post", "form")):
            with Provider(at.clock.now) as provider:
                provider.metadata = offering(method)
                at.gate.oidc(where, **provider.options)
                answer = await Person(at.gate.asgi).sign_in_at(provider, where)
                assert answer.one("location") == "/"
                assert provider.credentials == [("the-gate", CLIENT_SECRET)]
                assert ("client_secret" in provider.forms[0]) == (where == "form")

    async def test_a_public_client_has_pkce_alone(self, at: GateHarness) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("public", **{**provider.options, "client_secret": None})
            assert (await Person(at.gate.asgi).sign_in_at(provider, "public")).one("location") == "/"
            assert provider.credentials == [("the-gate", "")]

    async def test_an_address_may_be_at_userinfo_alone(self, provider: Provider, person: Person) -> None:
        provider.claims = lambda claims: {name: claims[name] for name in claims if not name.startswith("email")}
        assert (await person.sign_in_at(provider)).one("location") == "/"
        assert "/userinfo" in provider.seen

    async def test_userinfo_of_another_subject_is_not_believed(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        provider.claims = lambda claims: {name: claims[name] for name in claims if not name.startswith("email")}
        provider.userinfo = lambda members: {**members, "sub": "somebody else"}
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "another subject" in whys(at)

    async def test_an_answer_by_a_form_needs_a_cookie_that_comes_with_it(self, at: GateHarness) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("apple", **provider.options, response_mode="form_post")
            person = Person(at.gate.asgi)
            started = await person.start("apple")
            assert asked(started)["response_mode"] == "form_post"
            (cookie,) = (each for each in started.cookies if each.name.startswith(ERRAND))
            assert (cookie.marks["SameSite"], "Secure" in cookie.marks) == ("None", True)
            form = callback("apple", provider.answer(started.json()["location"])).partition("?")[2].encode()
            answer = await person.open("/oidc/apple/callback", site="cross-site", form=form)
            assert (answer.status, answer.one("location")) == (303, "/")


class TestErrands:
    async def test_the_cookie_is_sealed_short_lived_and_for_no_script(self, provider: Provider, person: Person) -> None:
        answer = await person.start(return_to="/very/secret")
        (cookie,) = answer.cookies
        assert dict(cookie.marks) == {
            "Path": "/",
            "Secure": "",
            "SameSite": "Lax",
            "HttpOnly": "",
            "Max-Age": "600",
        }
        assert cookie.name.startswith(ERRAND)
        assert len(cookie.value) < 1200
        assert "secret" not in cookie.value

    async def test_two_tabs_do_not_destroy_each_other(self, provider: Provider, person: Person) -> None:
        first, second = [(await person.start(return_to=f"/{tab}")).json()["location"] for tab in "ab"]
        assert len(person.errands) == 2
        for location, path in ((second, "/b"), (first, "/a")):
            answer = await person.open(callback("acme", provider.answer(location)), site="cross-site")
            assert answer.one("location") == path

    async def test_however_many_are_begun_the_cookies_stay_below_what_servers_take(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        for _ in range(12):
            at.clock.advance(1)
            location = (await person.start(return_to="/" + "x" * 1000)).json()["location"]
            assert sum(len(name) + len(person.jar[name]) for name in person.errands) < 6_000
        answer = await person.open(callback("acme", provider.answer(location)), site="cross-site")
        assert answer.one("location").startswith("/xxx"), "the newest is among those that are left"
        for _ in range(12):
            at.clock.advance(1)
            await person.start()
        assert len(person.errands) == errands.MAX_AT_ONCE

    async def test_it_ends_after_ten_minutes(self, at: GateHarness, provider: Provider, person: Person) -> None:
        location = (await person.start(return_to="/notes")).json()["location"]
        at.clock.advance(errands.TTL)
        answer = await person.open(callback("acme", provider.answer(location)), site="cross-site")
        assert answer.one("location") == "/notes?gatepass_error=sign-in-expired"
        assert "/token" not in provider.seen

    async def test_it_outlives_a_change_of_the_secret(self, provider: Provider, at: GateHarness) -> None:
        from tests.support.gates import OTHER_SECRET, SECRET

        person = Person(at.gate.asgi)
        location = (await person.start()).json()["location"]
        async with open_gate(clock=at.clock, store=at.store, secrets=[OTHER_SECRET, SECRET]) as rolled:
            rolled.gate.oidc("acme", **provider.options)
            person.app = rolled.gate.asgi
            answer = await person.open(callback("acme", provider.answer(location)), site="cross-site")
        assert answer.one("location") == "/"


class TestAttacks:
    async def test_an_answer_counts_in_the_browser_alone_that_began(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        location = (await person.start()).json()["location"]
        other = Person(at.gate.asgi)
        await other.start()
        answer = await other.open(callback("acme", provider.answer(location)), site="cross-site")
        assert (answer.status, answer.cookies) == (400, [])
        assert answer.one("content-type").startswith("text/html")
        assert "/token" not in provider.seen
        assert len(other.errands) == 1, "and its own sign-in goes on"

    async def test_an_errand_under_another_name_is_no_errand(self, provider: Provider, person: Person) -> None:
        first, second = [asked(await person.start())["state"] for _ in range(2)]
        name = ERRAND + errands.key_of(first)
        person.jar[name] = person.jar[ERRAND + errands.key_of(second)]
        answer = await person.open(callback("acme", {"code": "x", "state": first}), site="cross-site")
        assert answer.status == 400

    async def test_a_second_cookie_of_the_name_does_not_stop_the_sign_in(
        self, provider: Provider, person: Person
    ) -> None:
        """An older one of another path, or one that somebody planted (oauth2-proxy #2606)."""
        location = (await person.start()).json()["location"]
        (name,) = person.errands
        person.jar[name] = f"garbage; {name}={person.jar[name]}; {name}={person.jar[name]}"
        answer = await person.open(callback("acme", provider.answer(location)), site="cross-site")
        assert answer.one("location") == "/"

    @pytest.mark.parametrize("place", [0, 5, 20, -1])
    async def test_an_errand_that_was_changed_is_no_errand(
        self, provider: Provider, person: Person, place: int
    ) -> None:
        state = asked(await person.start())["state"]
        name = ERRAND + errands.key_of(state)
        text = list(person.jar[name])
        text[place] = "A" if text[place] != "A" else "E"
        person.jar[name] = "".join(text)
        assert (await person.open(callback("acme", {"code": "x", "state": state}))).status == 400

    async def test_a_code_is_used_once_and_the_way_back_too(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        location = (await person.start()).json()["location"]
        back, thief = callback("acme", provider.answer(location)), Person(at.gate.asgi)
        thief.jar = dict(person.jar)
        assert (await person.open(back, site="cross-site")).one("location") == "/"
        assert (await person.open(back, site="cross-site")).status == 400, "the cookie is gone"
        assert error_of(await thief.open(back, site="cross-site")) == "sign-in-expired", "the provider refuses"
        assert RT not in thief.jar

    async def test_a_code_of_another_sign_in_is_refused_by_its_verifier(
        self, provider: Provider, person: Person
    ) -> None:
        """PKCE: an attacker's code in the victim's answer (RFC 9700 §4.5)."""
        planted = provider.answer((await person.start()).json()["location"])["code"]
        own = provider.answer((await person.start()).json()["location"])
        answer = await person.open(callback("acme", {**own, "code": planted}), site="cross-site")
        assert error_of(answer) == "sign-in-expired"

    async def test_an_answer_of_one_provider_does_not_count_at_another(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        with Provider(at.clock.now) as evil:
            at.gate.oidc("evil", **evil.options)
            location = (await person.start("evil")).json()["location"]
            answer = await person.open(callback("acme", evil.answer(location)), site="cross-site")
            assert answer.status == 400
            assert "/token" not in provider.seen + evil.seen

    async def test_an_answer_that_names_another_issuer_is_refused_before_its_code_is_used(
        self, provider: Provider, person: Person
    ) -> None:
        provider.answered = lambda parameters: {**parameters, "iss": "https://evil.example"}
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "/token" not in provider.seen

    async def test_where_discovery_promises_an_issuer_every_answer_must_name_it(
        self, provider: Provider, person: Person
    ) -> None:
        provider.metadata = lambda members: {**members, "authorization_response_iss_parameter_supported": True}
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        provider.answered = lambda parameters: {**parameters, "iss": provider.issuer}
        assert (await person.sign_in_at(provider)).one("location") == "/"

    async def test_the_old_session_of_the_browser_is_replaced_and_a_planted_one_gets_nothing(
        self, at: GateHarness, provider: Provider, ann: Browser
    ) -> None:
        """At the callback no Strict cookie comes, so the start has noted it."""
        provider.profile["email"] = "bob@example.com"
        person = Person(at.gate.asgi)
        person.jar, old = dict(ann.jar), ann.sid
        await person.sign_in_at(provider)
        assert person.sid != old
        assert (await ann.refresh()).code == "session-ended"

    async def test_no_token_and_no_code_is_in_an_address_that_we_make(self, provider: Provider, person: Person) -> None:
        location = (await person.start(return_to="/notes")).json()["location"]
        parameters = provider.answer(location)
        answer = await person.open(callback("acme", parameters), site="cross-site")
        assert answer.one("location") == "/notes"
        assert answer.one("referrer-policy") == "no-referrer"
        assert ACCESS_TOKEN not in repr(answer)
        assert parameters["code"] not in repr(answer)

    @pytest.mark.parametrize(
        "query",
        ["", "state=", "state=a&state=b", "code=%FF&state=x", "code=x&state=" + "y" * 20_000, "&".join("a=1" * 30)],
    )
    async def test_an_answer_that_cannot_be_read_is_a_page(
        self, provider: Provider, person: Person, query: str
    ) -> None:
        answer = await person.open(f"/oidc/acme/callback?{query}", site="cross-site")
        assert (answer.status, answer.cookies) == (400, [])
        assert b"script" not in answer.body

    async def test_another_site_cannot_send_a_browser_to_the_provider(self, provider: Provider, person: Person) -> None:
        answer = await person.open("/oidc/acme/start", site="cross-site")
        assert (answer.status, answer.cookies) == (403, [])
        answer = await person.send("POST", "/oidc/acme/start", body={})
        assert answer.code == "cross-site"

    @pytest.mark.parametrize(
        "where", ["//evil.example", "/\\evil.example", "https:evil.example", "/%2fevil.example", "/\n/x"]
    )
    async def test_the_browser_is_sent_nowhere_else(self, provider: Provider, person: Person, where: str) -> None:
        answer = await person.start(return_to=where)
        assert (answer.code, answer.cookies) == ("invalid-body", [])
        answer = await person.open(f"/oidc/acme/start?return_to={quote(where)}")
        assert (answer.status, answer.get("location"), answer.cookies) == (400, None, [])

    async def test_an_allowed_origin_is_a_place_to_return_to(self) -> None:
        browsers = Browsers(origins=["https://app.example.com"])
        async with open_gate(browsers=browsers) as at:
            with Provider(at.clock.now) as provider:
                at.gate.oidc("acme", **provider.options)
                answer = await Person(at.gate.asgi).sign_in_at(provider, return_to="https://app.example.com/in#x")
                assert answer.one("location") == "https://app.example.com/in?gatepass_signed_in=gate.example#x"

    async def test_an_answer_over_plain_http_is_refused(self) -> None:
        async with open_gate(browsers=Browsers(trusted_proxies=["10.0.0.0/8"])) as at:
            marks = [("x-forwarded-proto", "http")]
            for path in ("/oidc/acme/start", "/oidc/acme/callback"):
                answer = await call(at.gate.asgi, "GET", path, headers=marks, client=("10.0.0.1", 1))
                assert answer.code == "plain-http"

    async def test_an_unknown_provider_is_not_found(self, at: GateHarness, person: Person) -> None:
        assert (await person.start("nobody")).code == "not-found"
        assert (await person.open("/oidc/nobody/start")).status == 404
        assert (await person.open("/oidc/nobody/callback?state=x")).status == 404


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


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            ("access_denied", "access-denied"),
            ("login_required", "interaction-required"),
            ("temporarily_unavailable", "provider-unavailable"),
            ("invalid_scope", "provider-error"),
            ("<script>alert(1)</script>", "provider-error"),
        ],
    )
    async def test_what_the_provider_answers_instead_of_a_code_is_told_to_the_page(
        self, at: GateHarness, provider: Provider, person: Person, error: str, code: str
    ) -> None:
        provider.answered = lambda parameters: {"state": parameters["state"], "error": error}
        answer = await person.sign_in_at(provider, return_to="/notes?x=1&gatepass_error=old#end")
        assert answer.one("location") == f"/notes?x=1&gatepass_error={code}#end"
        assert RT not in person.jar
        assert [event.code for event in at.named("authn_provider_refused")] == [code]  # type: ignore[attr-defined]
        assert "script" not in repr(at.events)

    async def test_an_error_signs_nobody_out(self, at: GateHarness, provider: Provider, ann: Browser) -> None:
        person = Person(at.gate.asgi, key=ann.key)
        person.jar = dict(ann.jar)
        provider.answered = lambda parameters: {"state": parameters["state"], "error": "access_denied"}
        await person.sign_in_at(provider)
        assert (await person.refresh()).status == 200


class TestIllProviders:
    async def test_one_that_is_down_is_said_to_be_and_nobody_is_signed_out(
        self, at: GateHarness, provider: Provider, ann: Browser
    ) -> None:
        provider.stop()
        person = Person(at.gate.asgi, key=ann.key)
        person.jar = dict(ann.jar)
        answer = await person.start()
        assert (answer.status, answer.code) == (502, "provider-unavailable")
        assert (await person.open("/oidc/acme/start?return_to=/a")).one("location") == (
            "/a?gatepass_error=provider-unavailable"
        )
        assert (await person.refresh()).status == 200

    async def test_one_that_is_slow_delays_no_one_else_and_ends_in_a_504(
        self, at: GateHarness, provider: Provider, person: Person, ann: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "EXCHANGE_TIMEOUT", 0.2)
        hold = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(_handler: object) -> None:
            asyncio.run_coroutine_threadsafe(hold.wait(), loop).result()

        provider.replies["/.well-known/openid-configuration"] = wait
        starting = asyncio.create_task(person.start())
        assert (await ann.refresh()).status == 200
        answer = await starting
        assert (answer.status, answer.code) == (504, "provider-unavailable")
        hold.set()

    async def test_no_more_requests_than_a_bound_wait_for_one_that_is_slow(
        self, at: GateHarness, provider: Provider, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locations = [(await person.start()).json()["location"] for _ in range(3)]
        monkeypatch.setattr(fetch, "MAX_AT_ONCE", 0)
        answer = await person.open(callback("acme", provider.answer(locations[-1])), site="cross-site")
        assert error_of(answer) == "overloaded"

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"{" + b" " * 300_000 + b"}"),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b'{"keys": 1, "issuer": 2}'),
            (302, b"{}"),
            (404, b"{}"),
            (500, b"{}"),
            (200, b"[" * 100_000),
        ],
        ids=["huge", "html", "list", "other", "redirect", "404", "500", "deep"],
    )
    async def test_what_cannot_be_used_is_no_sign_in(
        self, at: GateHarness, provider: Provider, person: Person, path: str, status: int, body: bytes
    ) -> None:
        provider.replies[path] = lambda handler: send(handler, status, body)
        started = await person.start()
        if path.startswith("/.well-known"):
            assert started.code in ("provider-unavailable", "provider-error")
            return
        answer = await person.open(callback("acme", provider.answer(started.json()["location"])), site="cross-site")
        assert error_of(answer) in ("provider-unavailable", "provider-error")
        assert RT not in person.jar
        assert whys(at)

    async def test_an_issuer_that_differs_by_a_slash_is_refused_and_the_operator_is_told_what_to_set(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        provider.metadata = lambda members: {**members, "issuer": provider.issuer + "/"}
        assert (await person.start()).code == "provider-error"
        assert f"names the issuer '{provider.issuer}/'" in whys(at)

    async def test_an_outage_is_told_once_a_minute_and_not_for_each_click(
        self, at: GateHarness, provider: Provider, person: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider.replies["/.well-known/openid-configuration"] = lambda handler: send(handler, 500, {})
        for _ in range(3):
            await person.start()
        assert len(at.named("sys_provider_failed")) == 1
        assert [record.name for record in caplog.records if record.levelname == "ERROR"] == []
        at.clock.advance(60)
        await person.start()
        assert len(at.named("sys_provider_failed")) == 2

    async def test_one_failure_of_discovery_is_not_kept(self, provider: Provider, person: Person) -> None:
        provider.replies["/.well-known/openid-configuration"] = lambda handler: send(handler, 500, {})
        assert (await person.start()).status == 502
        provider.replies.clear()
        assert (await person.start()).status == 200

    async def test_documents_that_cannot_be_renewed_are_used_for_a_day(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        for path in ("/.well-known/openid-configuration", "/jwks"):
            provider.replies[path] = lambda handler: send(handler, 500, {})
        at.clock.advance(20 * 3600)
        assert (await person.sign_in_at(provider)).one("location") == "/"
        at.clock.advance(5 * 3600)
        assert (await person.start()).code == "provider-unavailable"
