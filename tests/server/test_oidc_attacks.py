"""A sign-in at a provider under attack: forged, mixed up, repeated or stolen answers."""

from urllib.parse import quote

import pytest

from gatepass.oidc import errand as errands
from gatepass.wire.browsers import Browsers
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.person import ERRAND, Person, error_of
from tests.support.provider import ACCESS_TOKEN, Provider, callback
from tests.support.provider_sign_in import asked


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
        """An older one of another path, or one that was planted (oauth2-proxy #2606)."""
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
