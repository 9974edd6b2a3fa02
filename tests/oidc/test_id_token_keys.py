"""Under which key an ID token must be signed, and how that key is found."""

import hmac
import json

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from gatepass.core import base64url
from tests.oidc.answers import Claims, why
from tests.support.gates import GateHarness
from tests.support.person import Person, error_of
from tests.support.provider import CLIENT_SECRET, Provider, segment


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
