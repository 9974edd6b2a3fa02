"""Sign-in at a provider: the way there and back, the way of the browser's cookies, and what must hold on it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from gatepass.oidc import errand as errands
from gatepass.wire.browsers import Browsers
from tests.support.browser import RT
from tests.support.gates import GateHarness, open_gate
from tests.support.person import ERRAND, Person, error_of
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider, callback
from tests.support.provider_sign_in import asked, whys


def offering(method: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A discovery document that offers one way to tell the secret."""
    return lambda members: {**members, "token_endpoint_auth_methods_supported": [method]}


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
