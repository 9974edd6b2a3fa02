"""What an ID token must say, and under which key: each lie is refused, and no session begins."""

import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from gatepass.core import base64url
from tests.support.browser import RT
from tests.support.gates import GateHarness
from tests.support.person import Person, error_of
from tests.support.provider import CLIENT_SECRET, Provider, callback, segment

Claims = dict[str, Any]


@pytest.fixture
def provider(at: GateHarness) -> Iterator[Provider]:
    with Provider(at.clock.now) as made:
        at.gate.oidc("acme", **made.options)
        yield made


@pytest.fixture
def person(at: GateHarness) -> Person:
    return Person(at.gate.asgi)


def why(at: GateHarness) -> str:
    """What the operator is told."""
    (event,) = at.named("sys_provider_failed")
    return str(event.why)  # type: ignore[attr-defined]


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_(**more: object) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **more}


def later(name: str, seconds: int) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, name: claims["iat"] + seconds}


class TestClaims:
    @pytest.mark.parametrize(
        ("lie", "said"),
        [
            (with_(iss="https://evil.example"), "iss"),
            (without("iss"), "iss"),
            (with_(iss=["x"]), "iss"),
            (with_(aud="another-client"), "aud"),
            (with_(aud=[]), "aud"),
            (without("aud"), "aud"),
            (with_(aud=["the-gate", "another-client"]), "azp"),
            (with_(azp="another-client"), "azp"),
            (later("exp", -60), "expired"),
            (without("exp"), "exp"),
            (with_(exp="tomorrow"), "exp"),
            (with_(exp=True), "exp"),
            (later("iat", 61), "clocks"),
            (later("iat", -3661), "clocks"),
            (later("nbf", 61), "not valid yet"),
            (with_(nonce="another"), "nonce"),
            (without("nonce"), "nonce"),
            (with_(nonce=None), "nonce"),
            (with_(at_hash="AAAA"), "at_hash"),
            (without("sub"), "sub"),
            (with_(sub=""), "sub"),
            (with_(sub="x" * 256), "sub"),
            (with_(sub=7), "sub"),
        ],
    )
    async def test_a_lie_is_refused(
        self, at: GateHarness, provider: Provider, person: Person, lie: Callable[[Claims], Claims], said: str
    ) -> None:
        provider.claims = lie
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert RT not in person.jar
        assert said in why(at)

    @pytest.mark.parametrize(
        "claims",
        [
            with_(aud=["the-gate"]),
            with_(aud=["another", "the-gate"], azp="the-gate"),
            with_(azp="the-gate"),
            later("iat", 59),
            later("exp", -59),
            later("nbf", 59),
            with_(exp=4_000_000_000.5),
            with_(name=["x"], amr="pwd", acr=7, auth_time="x", sid=7),
        ],
    )
    async def test_what_differs_within_the_rules_is_accepted(
        self, provider: Provider, person: Person, claims: Callable[[Claims], Claims]
    ) -> None:
        provider.claims = claims
        assert (await person.sign_in_at(provider)).one("location") == "/"


class TestSignatures:
    @pytest.mark.parametrize("algorithm", ["RS384", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
    async def test_every_usual_algorithm_is_known(self, provider: Provider, person: Person, algorithm: str) -> None:
        provider.use(algorithm)
        assert (await person.sign_in_at(provider)).one("location") == "/"

    async def test_none_is_no_algorithm(self, at: GateHarness, provider: Provider, person: Person) -> None:
        provider.sign = lambda claims: f"{segment({'alg': 'none'})}.{segment(claims)}."
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "alg" in why(at)

    @pytest.mark.parametrize("shape", ["pem", "jwk", "modulus", "client secret"])
    async def test_a_public_key_is_no_shared_secret(
        self, at: GateHarness, provider: Provider, person: Person, shape: str
    ) -> None:
        public = provider.key.as_dict(private=False)
        secret = {
            "pem": RSAKey.import_key(public).as_pem(private=False),
            "jwk": json.dumps(public).encode(),
            "modulus": str(public["n"]).encode(),
            "client secret": CLIENT_SECRET.encode(),
        }[shape]

        def sign(claims: Claims) -> str:
            message = f"{segment({'alg': 'HS256', 'kid': provider.key.kid})}.{segment(claims)}"
            return f"{message}.{base64url.encode(hmac.digest(secret, message.encode(), 'sha256'))}"

        provider.sign = sign
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "alg" in why(at)

    async def test_a_shared_secret_counts_where_it_was_chosen_and_alone(self, at: GateHarness, person: Person) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("hs", **provider.options, algorithms=["HS256"])
            assert error_of(await person.sign_in_at(provider, "hs")) == "provider-error"
            provider.use("HS256")
            assert (await person.sign_in_at(provider, "hs")).one("location") == "/"

    async def test_a_key_of_the_token_itself_is_not_used(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        own = RSAKey.generate_key(2048)
        header = {"alg": "RS256", "jwk": own.as_dict(private=False), "kid": provider.key.kid}
        provider.sign = lambda claims: jws.serialize_compact(header, json.dumps(claims), own)
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "signature" in why(at)

    @pytest.mark.parametrize("text", ["", "a.b.c", "a.b.c.d.e", "x", "..", "ä.b.c", "e30.e30.e30", "A" * 70_000])
    async def test_what_is_no_signed_jwt_is_refused(
        self, at: GateHarness, provider: Provider, person: Person, text: str
    ) -> None:
        provider.sign = lambda claims: text
        assert error_of(await person.sign_in_at(provider)) == "provider-error"

    async def test_a_critical_header_that_is_not_understood_is_refused(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        provider.sign = lambda claims: (
            f"{segment({'alg': 'RS256', 'crit': ['b64'], 'b64': False})}.{segment(claims)}.AA"
        )
        assert error_of(await person.sign_in_at(provider)) == "provider-error"


class TestKeys:
    async def test_a_new_key_is_fetched_when_a_token_comes_under_it(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        at.clock.advance(31)
        provider.rotate()
        assert (await person.sign_in_at(provider)).one("location") == "/"
        assert provider.seen.count("/jwks") == 2

    async def test_however_many_tokens_come_under_unknown_keys_the_keys_are_fetched_once_in_half_a_minute(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        provider.rotate()
        for _ in range(3):
            assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert provider.seen.count("/jwks") == 1
        at.clock.advance(30)
        provider.published = []
        for _ in range(3):
            assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert provider.seen.count("/jwks") == 2

    async def test_keys_that_mean_nothing_to_us_are_passed_over(self, provider: Provider, person: Person) -> None:
        own = provider.key.as_dict(private=False)
        provider.published = [
            {"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AA"},
            {"kty": "OKP", "crv": "X448", "x": "AA", "kid": "x"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "short"},
            {"kty": "oct", "k": "AAAA", "kid": own["kid"]},
            {**own, "use": "enc"},
            {**own, "x5c": ["MII"], "x5t": "x", "key_ops": ["verify"], "issuer": "https://…", "n": own["n"]},
            "garbage",  # type: ignore[list-item]
        ]
        assert (await person.sign_in_at(provider)).one("location") == "/"

    async def test_keys_that_are_published_without_a_kid_are_tried(self, provider: Provider, person: Person) -> None:
        other = RSAKey.generate_key(2048).as_dict(private=False)
        provider.published = [
            {name: key[name] for name in key if name != "kid"} for key in (other, provider.published[0])
        ]
        assert (await person.sign_in_at(provider)).one("location") == "/"

    async def test_a_key_for_another_algorithm_is_not_used(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        provider.published = [{**provider.key.as_dict(private=False), "alg": "RS512"}]
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert "under no key" in why(at)

    async def test_a_token_without_a_kid_is_tried_with_every_key_of_its_family(
        self, provider: Provider, person: Person
    ) -> None:
        provider.rotate()
        provider.rotate()
        other = RSAKey.generate_key(2048).as_dict(private=False)
        key = provider.key
        provider.published = [other, *provider.published]
        provider.sign = lambda claims: jws.serialize_compact({"alg": "RS256"}, json.dumps(claims), key)
        assert (await person.sign_in_at(provider)).one("location") == "/"


class TestWhatIsAsked:
    async def test_an_older_sign_in_than_asked_is_refused(self, at: GateHarness, person: Person) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("strict", **provider.options, max_age=300, prompt="login")
            provider.claims = later("auth_time", -361)
            assert error_of(await person.sign_in_at(provider, "strict")) == "sign-in-too-weak"
            provider.claims = without("auth_time")
            assert error_of(await person.sign_in_at(provider, "strict")) == "provider-error"
            provider.claims = later("auth_time", -300)
            assert (await person.sign_in_at(provider, "strict")).one("location") == "/"

    async def test_one_sign_in_may_ask_for_a_recent_one_and_is_held_to_it(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        """From its own start: a person may take minutes there. No page loosens what the provider is set to."""
        provider.claims = later("auth_time", -61 - 300)
        assert error_of(await person.sign_in_at(provider, max_age=300)) == "sign-in-too-weak"
        provider.claims = without("auth_time")
        assert error_of(await person.sign_in_at(provider, max_age=300)) == "provider-error"
        provider.claims = later("auth_time", -300)
        assert (await person.sign_in_at(provider, max_age=300)).one("location") == "/"
        started = await person.start(max_age=0, prompt="login")
        at.clock.advance(540)
        provider.claims = later("auth_time", -500)
        answer = await person.open(callback("acme", provider.answer(started.json()["location"])), site="cross-site")
        assert answer.one("location") == "/"
        with Provider(at.clock.now) as strict:
            at.gate.oidc("strict", **strict.options, max_age=300)
            strict.claims = later("auth_time", -400)
            assert error_of(await person.sign_in_at(strict, "strict", max_age=900)) == "sign-in-too-weak"

    async def test_a_weaker_sign_in_than_asked_is_refused(self, at: GateHarness, person: Person) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("mfa", **provider.options, acr_values=["phr", "phrh"])
            assert error_of(await person.sign_in_at(provider, "mfa")) == "sign-in-too-weak"
            provider.claims = with_(acr="phrh")
            assert (await person.sign_in_at(provider, "mfa")).one("location") == "/"


class TestTenants:
    """Microsoft: one discovery document for many issuers."""

    async def tenant(self, at: GateHarness, tenants: list[str], tid: str, iss: str = "") -> str:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("microsoft", **provider.options, tenants=tenants)
            provider.metadata = lambda members: {**members, "issuer": provider.issuer + "/{tenantid}/v2.0"}
            provider.claims = with_(iss=iss or f"{provider.issuer}/{tid}/v2.0", tid=tid)
            person = Person(at.gate.asgi)
            started = await person.start("microsoft")
            if started.status != 200:
                return started.code
            return (await person.sign_in_at(provider, "microsoft")).one("location")

    async def test_an_accepted_tenant_signs_in(self, at: GateHarness) -> None:
        assert await self.tenant(at, ["t-1", "t-2"], "t-2") == "/"

    async def test_every_tenant_may_be_accepted(self, at: GateHarness) -> None:
        assert await self.tenant(at, ["*"], "t-9") == "/"

    async def test_another_one_does_not(self, at: GateHarness) -> None:
        assert "provider-error" in await self.tenant(at, ["t-1"], "t-2")

    async def test_nor_one_whose_issuer_is_another_tenants(self, at: GateHarness) -> None:
        assert "provider-error" in await self.tenant(at, ["t-1"], "t-1", iss="https://localhost/t-2/v2.0")

    async def test_without_tenants_the_operator_is_told_to_name_them(self, at: GateHarness) -> None:
        assert await self.tenant(at, [], "t-1") == "provider-error"
        assert "`tenants`" in why(at)
