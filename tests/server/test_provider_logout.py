"""The provider ends its session and ours with it (back-channel), and a person signs out there too (RP-initiated)."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jws

from gatepass.core.logout_token import EVENT
from gatepass.errors import StoreUnavailable
from tests.support.asgi import Answer, call
from tests.support.gates import GateHarness
from tests.support.person import Person
from tests.support.provider import CLIENT_ID, Provider, send

PATH = "/oidc/acme/back-channel-logout"


@pytest.fixture
def provider(at: GateHarness) -> Iterator[Provider]:
    with Provider(at.clock.now) as made:
        made.claims = lambda claims: {**claims, "sid": "there"}
        at.gate.oidc("acme", **made.options)
        yield made


@pytest.fixture
async def ann(at: GateHarness, provider: Provider) -> Person:
    """A person who has signed in at the provider."""
    person = Person(at.gate.asgi)
    assert (await person.sign_in_at(provider)).status == 303
    assert (await person.refresh()).status == 200
    return person


def token(provider: Provider, *, kind: str | None = "logout+jwt", **claims: Any) -> str:
    """A logout token of the provider; `...` leaves a claim out."""
    made = {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": provider.now(),
        "exp": provider.now() + 120,
        "jti": "1",
        "sub": provider.subject,
        "sid": "there",
        "events": {EVENT: {}},
        **claims,
    }
    header = {"alg": "RS256", "kid": provider.key.kid, **({} if kind is None else {"typ": kind})}
    present = {name: value for name, value in made.items() if value is not ...}
    return jws.serialize_compact(header, json.dumps(present), provider.key)


async def tell(at: GateHarness, text: str, *, path: str = PATH, **more: str) -> Answer:
    """What the provider's server sends: no cookie, no origin, no header of ours."""
    form = urlencode({"logout_token": text, **more}).encode()
    typed = [("content-type", "application/x-www-form-urlencoded")]
    return await call(at.gate.asgi, "POST", path, headers=typed, body=form)


class TestTheBackChannel:
    @pytest.mark.parametrize(
        ("kind", "claims"),
        [
            ("logout+jwt", {}),
            (None, {"sub": ...}),
            ("JWT", {"sid": ...}),
            ("logout+jwt", {"exp": ...}),
            ("logout+jwt", {"aud": [CLIENT_ID]}),
        ],
    )
    async def test_the_session_ends_at_once(
        self, at: GateHarness, provider: Provider, ann: Person, kind: str | None, claims: dict[str, Any]
    ) -> None:
        answer = await tell(at, token(provider, kind=kind, **claims), unknown="ignored")
        assert (answer.status, answer.body, answer.one("cache-control")) == (200, b"", "no-store")
        assert (await ann.get("/me")).code == "invalid-token"
        assert (await ann.refresh()).json()["reason"] == "revoked"

    @pytest.mark.parametrize(
        ("kind", "claims"),
        [
            ("at+jwt", {}),
            ("logout+jwt", {"iss": "https://evil.example"}),
            ("logout+jwt", {"aud": "another-client"}),
            ("logout+jwt", {"nonce": "n"}),
            ("logout+jwt", {"events": ...}),
            ("logout+jwt", {"jti": ...}),
            ("logout+jwt", {"iat": ...}),
            ("logout+jwt", {"exp": 1}),
            ("logout+jwt", {"sub": ..., "sid": ...}),
        ],
    )
    async def test_what_is_no_logout_token_for_this_client_ends_nothing(
        self, at: GateHarness, provider: Provider, ann: Person, kind: str, claims: dict[str, Any]
    ) -> None:
        answer = await tell(at, token(provider, kind=kind, **claims))
        assert (answer.status, answer.code) == (400, "invalid-logout-token")
        assert len(at.named("sys_provider_failed")) == 1
        assert (await ann.get("/me")).status == 200

    async def test_an_id_token_is_none(self, at: GateHarness, provider: Provider, ann: Person) -> None:
        claims = {"iss": provider.issuer, "aud": CLIENT_ID, "sub": provider.subject, "iat": provider.now()}
        assert (await tell(at, provider.sign({**claims, "exp": provider.now() + 9, "nonce": "n"}))).status == 400
        assert (await ann.get("/me")).status == 200

    @pytest.mark.parametrize("text", ["", "x.y.z", "é"])
    async def test_a_text_is_none(self, at: GateHarness, provider: Provider, text: str) -> None:
        assert (await tell(at, text)).code == "invalid-logout-token"

    async def test_a_signature_of_another_key_is_none(self, at: GateHarness, provider: Provider, ann: Person) -> None:
        kept = list(provider.published)
        provider.rotate()
        forged = token(provider)
        provider.published = kept
        answer = await tell(at, forged)
        assert (answer.status, answer.code) in ((400, "invalid-logout-token"), (503, "unknown-key"))
        assert (await ann.get("/me")).status == 200

    async def test_a_token_that_comes_again_is_answered_as_the_first_and_ends_nothing_newer(
        self, at: GateHarness, provider: Provider, ann: Person
    ) -> None:
        told = token(provider, sid=...)
        assert (await tell(at, told)).status == 200
        at.clock.advance(1)
        assert (await ann.sign_in_at(provider)).status == 303
        assert (await ann.refresh()).status == 200
        assert (await tell(at, told)).status == 200
        assert (await ann.get("/me")).status == 200
        assert len(at.named("session_revoked")) == 1

    async def test_only_the_named_session_ends_unless_the_application_wants_all(
        self, at: GateHarness, provider: Provider, ann: Person
    ) -> None:
        provider.claims = lambda claims: {**claims, "sid": "elsewhere"}
        phone = Person(at.gate.asgi)
        await phone.sign_in_at(provider)
        await phone.refresh()
        assert (await tell(at, token(provider))).status == 200
        assert ((await ann.get("/me")).status, (await phone.get("/me")).status) == (401, 200)

    async def test_a_provider_that_tells_one_session_of_many_may_end_all(self, at: GateHarness) -> None:
        """Keycloak names one of them where an administrator signs a person out everywhere."""
        with Provider(at.clock.now) as provider:
            at.gate.oidc("acme", **provider.options, logout_ends="subject")
            people = []
            for sid in ("there", "elsewhere"):
                provider.claims = lambda claims, sid=sid: {**claims, "sid": sid}  # type: ignore[misc]
                people.append(Person(at.gate.asgi))
                await people[-1].sign_in_at(provider)
                await people[-1].refresh()
            assert (await tell(at, token(provider))).status == 200
            assert [(await person.get("/me")).status for person in people] == [401, 401]

    async def test_a_provider_that_is_unknown_or_has_no_logout_tokens_is_not_found(
        self, at: GateHarness, provider: Provider
    ) -> None:
        at.gate.oidc("github", adapter="github", client_id="x", client_secret="y")
        for name in ("nobody", "github"):
            answer = await tell(at, token(provider), path=f"/oidc/{name}/back-channel-logout")
            assert (answer.status, answer.code) == (404, "not-found")

    async def test_what_cannot_be_done_now_may_be_sent_again(
        self, at: GateHarness, provider: Provider, ann: Person
    ) -> None:
        async def fail(verb: str) -> None:
            if verb == "end_provider_sessions":
                raise StoreUnavailable

        at.store.before = fail
        assert (await tell(at, token(provider))).status == 503
        at.store.before = None
        assert (await tell(at, token(provider))).status == 200
        assert (await ann.get("/me")).code == "invalid-token"

    async def test_keys_that_cannot_be_read_are_no_fault_of_the_token(self, at: GateHarness) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("acme", **provider.options)
            provider.replies["/jwks"] = lambda handler: send(handler, 503, {})
            assert (await tell(at, token(provider))).status == 502

    async def test_json_is_no_form(self, at: GateHarness, provider: Provider) -> None:
        body = json.dumps({"logout_token": token(provider)}).encode()
        answer = await call(at.gate.asgi, "POST", PATH, headers=[("content-type", "application/json")], body=body)
        assert answer.status == 415


class TestSigningOutThereToo:
    @pytest.fixture
    def ends(self, provider: Provider) -> None:
        """The provider has an address where sessions end."""
        provider.metadata = lambda members: {**members, "end_session_endpoint": f"{provider.issuer}/end?x=1"}

    async def sign_out(self, person: Person, **body: object) -> Answer:
        return await person.send("POST", "/logout", body=body, headers=[("gatepass-client", "1")])

    async def test_the_answer_says_where(self, provider: Provider, ends: None, ann: Person) -> None:
        answer = await self.sign_out(ann, at_provider=True, return_to="/bye")
        assert answer.status == 200
        location = answer.json()["location"]
        assert location.startswith(f"{provider.issuer}/end?x=1&")
        assert dict(parse_qsl(urlsplit(location).query)) == {
            "x": "1",
            "client_id": CLIENT_ID,
            "logout_hint": "there",
            "post_logout_redirect_uri": "https://gate.example/bye",
        }
        assert provider.subject not in location
        assert ann.jar == {}
        assert (await ann.get("/me")).code == "invalid-token"

    async def test_without_a_page_to_return_to_none_is_named(self, ends: None, ann: Person) -> None:
        location = (await self.sign_out(ann, at_provider=True)).json()["location"]
        assert "post_logout_redirect_uri" not in location

    async def test_it_is_done_on_request_only(self, ends: None, ann: Person) -> None:
        assert (await self.sign_out(ann, return_to="/bye")).status == 204

    async def test_a_provider_without_such_an_address_is_left_alone(self, ann: Person) -> None:
        assert (await self.sign_out(ann, at_provider=True)).status == 204
        assert (await ann.get("/me")).code == "invalid-token"

    async def test_a_session_that_began_here_ends_here(self, at: GateHarness, ends: None) -> None:
        person = Person(at.gate.asgi)
        await person.register()
        assert (await self.sign_out(person, at_provider=True)).status == 204

    async def test_a_provider_that_does_not_answer_keeps_nobody_signed_in(
        self, at: GateHarness, provider: Provider, ann: Person
    ) -> None:
        provider.replies["/.well-known/openid-configuration"] = lambda handler: send(handler, 503, {})
        at.clock.advance(10**6)  # what is known of it is too old
        assert (await self.sign_out(ann, at_provider=True)).status == 204
        assert len(at.named("sys_provider_failed")) == 1

    async def test_no_other_site_is_a_page_to_return_to_and_nothing_happens(self, ends: None, ann: Person) -> None:
        for place in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            answer = await self.sign_out(ann, at_provider=True, return_to=place)
            assert (answer.status, answer.code) == (422, "invalid-body")
        assert (await ann.get("/me")).status == 200

    async def test_signing_out_twice_is_no_fault(self, ends: None, ann: Person) -> None:
        jar = dict(ann.jar)
        assert (await self.sign_out(ann, at_provider=True)).status == 200
        ann.jar = jar
        assert (await self.sign_out(ann, at_provider=True)).status == 200
