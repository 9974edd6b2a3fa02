"""The key set as a service without the store fetches it, in the middle of a change of keys (KM-02, RFC 7517)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jwt
from joserfc.jwk import KeySet

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Algorithm, derive, parse_secret
from gatepass.core.policy import HOUR
from tests.support.asgi import Answer, call
from tests.support.browser import Browser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate
from tests.system.security.lifetimes import Life

# RFC 9864 renames EdDSA to Ed25519; see tests/core/test_interop.py.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
MEMBERS = {"EdDSA": {"kty", "crv", "x"}, "ES256": {"kty", "crv", "x", "y"}}
DERIVED = "access token"
"""How the labels of derived signing keys begin."""


async def published(at: GateHarness) -> Answer:
    return await call(at.gate.asgi, "GET", "/jwks.json")


async def each_step(algorithm: Algorithm) -> AsyncIterator[tuple[GateHarness, str]]:
    """A gate and a fresh token: with derived keys of two secrets, with a stored one published, then signing."""
    tokens = Tokens(algorithm=algorithm)
    async with open_gate(tokens=tokens, secrets=[SECRET, OTHER_SECRET]) as at:
        browser = Browser(at.gate.asgi)
        await browser.register()
        yield at, browser.access_token
        await at.gate.keys.rotate(after=HOUR)
        await browser.refresh()
        yield at, browser.access_token
        at.clock.advance(HOUR)
        await at.gate.keys.look()
        await browser.refresh()
        yield at, browser.access_token


ALGORITHMS = pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])


@ALGORITHMS
async def test_another_library_verifies_every_token_with_the_document_alone(algorithm: Algorithm) -> None:
    kids: list[str] = []
    earlier: list[str] = []
    async for at, token in each_step(algorithm):
        answer = await published(at)
        assert answer.one("content-type") == "application/jwk-set+json"
        assert answer.one("cache-control") == "public, max-age=300"
        keys = KeySet.import_key_set(answer.json())
        for one in (token, *earlier):
            decoded = jwt.decode(one, keys, algorithms=[algorithm])
            assert decoded.header["kid"] in [key["kid"] for key in answer.json()["keys"]]
        earlier.append(token)
        kids.append(jwt.decode(token, keys, algorithms=[algorithm]).header["kid"])
        for key, member in zip(keys.keys, answer.json()["keys"], strict=True):
            assert set(member) == MEMBERS[algorithm] | {"kid", "use", "alg"}
            assert (member["use"], member["alg"]) == ("sig", algorithm)
            assert member["kid"] == key.thumbprint()
        assert len({key["kid"] for key in answer.json()["keys"]}) == len(keys.keys)
    assert len(set(kids)) == 2, "the key that signs did change"


@ALGORITHMS
async def test_no_private_part_of_a_key_is_in_the_document(algorithm: Algorithm) -> None:
    """Neither a private number nor what one is made from, in any spelling."""
    async for at, _ in each_step(algorithm):
        document = (await published(at)).body
        life = Life()
        for number, key in enumerate(at.gate.keys.current):
            life.secrets[f"private {number}"] = _private(key.private)
        for number, text in enumerate((SECRET, OTHER_SECRET)):
            raw = parse_secret(text)
            life.secrets |= {f"secret {number}": raw, f"MAC key {number}": derive(raw, "refresh token mac")}
            life.secrets[f"seed {number}"] = derive(raw, f"{DERIVED} {algorithm}", length=40)
        assert len(life.secrets) >= 8
        assert life.leaks(document) == []
        told = json.dumps({**json.loads(document), "d": life.secrets["private 0"].hex()}).encode()
        assert life.leaks(told) == ["private 0"], "the search would find one"


def _private(key: Any) -> bytes:
    match key:
        case ed25519.Ed25519PrivateKey():
            return key.private_bytes_raw()
        case ec.EllipticCurvePrivateKey():
            return key.private_numbers().private_value.to_bytes(32, "big")
    raise AssertionError(key)


async def test_a_shared_key_publishes_nothing() -> None:
    async for at, _ in each_step("HS256"):
        assert (await published(at)).json() == {"keys": []}
