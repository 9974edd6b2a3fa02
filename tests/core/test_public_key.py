"""A published key set is taken whole or refused with its reason, and a key in it is what its issuer signs with."""

import json
from itertools import count
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gatepass.core.base64url import encode
from gatepass.core.keyring import SigningKey, jwks
from gatepass.core.public_key import SMALL_ORDER, MalformedKeySet, parse_jwks

OLD, NEW = (SigningKey.from_secret(bytes(range(first, first + 32)), "EdDSA") for first in (0, 32))


def changed(**members: Any) -> bytes:
    assert OLD.jwk is not None
    jwk = {name: value for name, value in {**OLD.jwk, **members}.items() if value is not ...}
    return json.dumps({"keys": [jwk]}).encode()


EC_KEY = SigningKey.from_secret(bytes(range(32)), "ES256").jwk or {}
BAD_SETS = {
    "not JSON": (b"<html>", "not JSON"),
    "not UTF-8": (b'{"keys":["\xff"]}', "not JSON"),
    "a list": (b"[]", "not a JWK Set"),
    "no keys": (b"{}", "not a JWK Set"),
    "keys that are no list": (b'{"keys":{}}', "not a JWK Set"),
    "a key that is no object": (b'{"keys":["x"]}', "not a JWK Set"),
    "keys twice": (b'{"keys":[],"keys":[]}', "duplicate name"),
    "NaN": (b'{"keys":[],"x":NaN}', "NaN"),
    "deep": (b"[" * 30000, "not JSON"),
    "too many": (json.dumps({"keys": [OLD.jwk] * 101}).encode(), "more than 100"),
    "one kid twice": (json.dumps({"keys": [OLD.jwk, {**(NEW.jwk or {}), "kid": OLD.kid}]}).encode(), "one kid"),
    "no kid": (changed(kid=...), "no usable kid"),
    "an empty kid": (changed(kid=""), "no usable kid"),
    "a long kid": (changed(kid="x" * 257), "no usable kid"),
    "a kid that is no text": (changed(kid=7), "no usable kid"),
    "a private key": (changed(d=encode(bytes(32))), "private"),
    "a private RSA part": (changed(p="x"), "private"),
    "a shared key": (changed(kty="oct", alg="HS256", crv=..., x=..., k=encode(bytes(32))), "private or shared"),
    "no alg": (changed(alg=...), "no alg"),
    "alg none": (changed(alg="none"), "no alg"),
    "alg RS256": (changed(alg="RS256", kty="RSA"), "no alg"),
    "alg HS256": (changed(alg="HS256"), "no alg"),
    "another alg for the curve": (changed(alg="ES256"), "do not fit"),
    "another kty": (changed(kty="EC"), "do not fit"),
    "another curve": (changed(crv="X25519"), "do not fit"),
    "for encryption": (changed(use="enc"), "not for signatures"),
    "for signing": (changed(key_ops=["sign", "verify"]), "not for signatures"),
    "no x": (changed(x=...), "32 bytes"),
    "a short x": (changed(x=encode(bytes(31))), "32 bytes"),
    "a padded x": (changed(x=encode(bytes(32)) + "="), "32 bytes"),
    "an x that is no base64url": (changed(x="é" * 43), "32 bytes"),
    "an x that is no text": (changed(x=1), "32 bytes"),
    "a point off the curve": (json.dumps({"keys": [{**EC_KEY, "y": EC_KEY["x"]}]}).encode(), "no point"),
    "P-256 without y": (json.dumps({"keys": [{**EC_KEY, "y": None}]}).encode(), "32 bytes"),
}


REASONS = {
    "not JSON": "it cannot be read: not JSON",
    "a list": "it is not a JWK Set: an object with a list of keys",
    "keys twice": "it cannot be read: duplicate name",
    "too many": "it has more than 100 keys",
    "one kid twice": "two keys have one kid",
    "no kid": "a key has no usable kid",
    "no alg": f"key {OLD.kid!r} has no alg of EdDSA, ES256",
    "no x": f"key {OLD.kid!r}: x is not 32 bytes in base64url",
    "P-256 without y": f"key {EC_KEY['kid']!r}: y is not 32 bytes in base64url",
    "a point off the curve": f"key {EC_KEY['kid']!r} is no point of its curve",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_refused_set_is_refused_in_words(name: str) -> None:
    with pytest.raises(MalformedKeySet) as refusal:
        parse_jwks(BAD_SETS[name][0])
    assert str(refusal.value).endswith(REASONS[name])


@pytest.mark.parametrize("length", [1, 256])
def test_a_kid_of_any_usable_length_is_taken(length: int) -> None:
    assert parse_jwks(changed(kid="k" * length))[0].kid == "k" * length


def test_a_hundred_keys_are_not_too_many() -> None:
    keys = [{**(OLD.jwk or {}), "kid": str(number)} for number in range(100)]
    assert len(parse_jwks(json.dumps({"keys": keys}).encode())) == 100


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_what_a_gate_publishes_is_read_back(algorithm: Any) -> None:
    keys = [SigningKey.from_secret(bytes(range(first, first + 32)), algorithm) for first in (0, 32)]
    found = parse_jwks(json.dumps(jwks(keys)).encode())
    assert [(key.kid, key.algorithm, key.header) for key in found] == [
        (key.kid, key.algorithm, key.header) for key in keys
    ]
    assert [key.public for key in found] == [
        key.private.public_key() for key in keys if not isinstance(key.private, bytes)
    ]


@pytest.mark.parametrize("case", BAD_SETS)
def test_an_odd_set_is_refused_with_its_reason_and_none_of_its_keys(case: str) -> None:
    document, why = BAD_SETS[case]
    with pytest.raises(MalformedKeySet, match=why) as refused:
        parse_jwks(document)
    assert encode(bytes(32)) not in str(refused.value)


def test_an_empty_set_is_a_set() -> None:
    assert parse_jwks(b'{"keys":[]}') == ()


def test_members_that_are_not_known_are_ignored() -> None:
    assert len(parse_jwks(changed(x5u="http://127.0.0.1:9/", note="hello", use=...))) == 1


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", sorted(SMALL_ORDER))
def test_a_key_whose_signatures_anybody_can_write_is_refused(y: int, sign: int) -> None:
    point = (y | sign << 255).to_bytes(32, "little")
    forged = (1).to_bytes(32, "little") + bytes(32)  # the neutral point, and zero

    def holds(message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(point).verify(forged, message)
        except InvalidSignature:
            return False
        return True

    tried = next(number for number in count() if number == 200 or holds(b"%d" % number))
    assert tried < 200, "no signature of it can be forged so"
    with pytest.raises(MalformedKeySet, match="small order"):
        parse_jwks(changed(x=encode(point)))
