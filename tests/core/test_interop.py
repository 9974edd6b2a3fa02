"""Independent libraries read our tokens as we mean them, and we read theirs: the same keys, the same verdict.

PyJWT, joserfc and authlib here; npm `jose` in a process of its own, where web/ has it.
"""

import json
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joserfc.jwt
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from gatepass.core.access_token import Verifier, sign
from gatepass.core.base64url import encode
from gatepass.core.keyring import Algorithm, SigningKey, jwks
from gatepass.core.public_key import parse_jwks
from gatepass.errors import InvalidToken
from tests.core.attack_tokens import Attack, cases
from tests.core.token_forge import Issuer
from tools.services.patience import PATIENCE

with warnings.catch_warnings():
    # It points to joserfc, which is here too; what people run is what counts. Its own module turns the warning on.
    from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.jose import JsonWebKey, JsonWebToken  # type: ignore[import-untyped]
    from authlib.jose.errors import JoseError as AuthlibError  # type: ignore[import-untyped]

# RFC 9864 renames EdDSA to Ed25519; no peer requires the new name yet, and most do not know it.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
Claims = dict[str, Any]


class Refused(Exception):
    """A peer's no."""


@dataclass(frozen=True)
class Peer:
    """How a library signs with a key and verifies by published keys. Raises Refused."""

    sign: Callable[[Claims, SigningKey], str]
    read: Callable[[str, SigningKey], Claims]


def header_of(key: SigningKey) -> dict[str, str]:
    return {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}


def private_jwk(key: SigningKey) -> dict[str, str]:
    """The key with its private part, as a peer takes it."""
    assert key.jwk is not None
    match key.private:
        case ed25519.Ed25519PrivateKey() as edwards:
            raw = edwards.private_bytes_raw()
        case ec.EllipticCurvePrivateKey() as curve:
            raw = curve.private_numbers().private_value.to_bytes(32, "big")
        case bytes():
            raise AssertionError
    return {**key.jwk, "d": encode(raw)}


def pyjwt_sign(claims: Claims, key: SigningKey) -> str:
    headers = {"kid": key.kid, "typ": "at+jwt"}
    return jwt.encode(claims, jwt.PyJWK(private_jwk(key)).key, key.algorithm, headers=headers, sort_headers=True)


def pyjwt_read(token: str, key: SigningKey) -> Claims:
    try:
        chosen = jwt.PyJWKSet.from_dict(jwks([key]))[jwt.get_unverified_header(token)["kid"]]
        found: Claims = jwt.decode(
            token, chosen, algorithms=[key.algorithm], issuer=ISSUER, audience=AUDIENCE, leeway=5
        )
    except (jwt.PyJWTError, KeyError, ValueError) as refused:
        raise Refused from refused
    return found


def joserfc_sign(claims: Claims, key: SigningKey) -> str:
    kind = OKPKey if key.algorithm == "EdDSA" else ECKey
    # Not jwt.encode, which puts typ before what it is given: our header is one text, in one order (PROTOCOL §7).
    payload = json.dumps(claims).encode()
    members: dict[str, str | list[str]] = {**private_jwk(key)}
    return jws.serialize_compact(header_of(key), payload, kind.import_key(members), [key.algorithm])


def joserfc_read(token: str, key: SigningKey) -> Claims:
    try:
        keys = KeySet.import_key_set(jwks([key]))  # type: ignore[arg-type]
        found = joserfc.jwt.decode(token, keys, algorithms=[key.algorithm])
        rules = joserfc.jwt.JWTClaimsRegistry(
            leeway=5, iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}
        )
        rules.validate(found.claims)
    except (JoseError, ValueError) as refused:
        raise Refused from refused
    return found.claims


def authlib_sign(claims: Claims, key: SigningKey) -> str:
    made: bytes = JsonWebToken([key.algorithm]).encode(header_of(key), claims, JsonWebKey.import_key(private_jwk(key)))
    return made.decode()


def authlib_read(token: str, key: SigningKey) -> Claims:
    rules = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
    try:
        keys = JsonWebKey.import_key_set(jwks([key]))
        found = JsonWebToken([key.algorithm]).decode(token, keys, claims_options=rules)
        found.validate(leeway=5)
    except (AuthlibError, ValueError, TypeError) as refused:  # TypeError: an alg that is a list
        raise Refused from refused
    return dict(found)


PEERS = {
    "PyJWT": Peer(pyjwt_sign, pyjwt_read),
    "joserfc": Peer(joserfc_sign, joserfc_read),
    "authlib": Peer(authlib_sign, authlib_read),
}


@pytest.fixture(params=["EdDSA", "ES256"])
def issuer(request: pytest.FixtureRequest) -> Issuer:
    """Peers ask the real clock."""
    algorithm: Algorithm = request.param
    key = SigningKey.from_secret(bytes(range(32)), algorithm)
    return Issuer(key, ISSUER, AUDIENCE, int(time.time()), 5)


def ours(issuer: Issuer) -> Verifier:
    """As another service verifies: by the published document alone."""
    published = parse_jwks(json.dumps(jwks([issuer.key])).encode())
    return Verifier(published, issuer=ISSUER, audience=AUDIENCE, skew=5)


def bad_tokens(issuer: Issuer) -> list[Attack]:
    """What any library refuses that is told algorithm, issuer and audience."""
    rules = {"TK-04 signature", "TK-05 alg", "TK-12 parties"}
    return [attack for attack in cases(issuer) if attack.rule in rules] + [
        Attack("TK-13", "long expired", issuer.token(exp=issuer.now - 60)),
        Attack("TK-13", "not valid yet", issuer.token(nbf=issuer.now + 600)),
    ]


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest) -> Peer:
    return PEERS[request.param]


def test_a_peer_reads_our_token_as_we_mean_it(peer: Peer, issuer: Issuer) -> None:
    claims = issuer.claims(scope="notes:read", tenant="blü€")
    assert peer.read(sign(claims, issuer.key), issuer.key) == claims


def test_we_read_a_peers_token_as_it_means_it(peer: Peer, issuer: Issuer) -> None:
    claims = issuer.claims(scope="notes:read", tenant="blü€")
    principal = ours(issuer).verify(peer.sign(claims, issuer.key), issuer.now)
    assert principal.claims == claims
    assert principal.scopes == {"notes:read"}


def test_a_peer_refuses_our_bad_tokens(peer: Peer, issuer: Issuer) -> None:
    tried = bad_tokens(issuer)
    for attack in tried:
        with pytest.raises(Refused):
            pytest.fail(f"{attack} holds: {peer.read(attack.token, issuer.key)}")
    assert len(tried) > 60


def test_we_refuse_what_a_peer_signs_with_a_foreign_key(peer: Peer, issuer: Issuer) -> None:
    foreign = SigningKey.from_secret(bytes(range(50, 82)), issuer.key.algorithm)
    token = peer.sign(issuer.claims(), foreign)
    with pytest.raises(InvalidToken):
        ours(issuer).verify(token, issuer.now)
    with pytest.raises(InvalidToken):  # under our header
        ours(issuer).verify(".".join([issuer.key.header.decode(), *token.split(".")[1:]]), issuer.now)


WEB = Path(__file__).resolve().parents[2] / "web"
JOSE = WEB / "node_modules" / "jose" / "dist" / "webapi" / "index.js"
NODE = shutil.which("node")


@pytest.mark.slow
@pytest.mark.skipif(not JOSE.is_file(), reason="npm jose is not in web/: npm install --save-dev -w client jose")
@pytest.mark.skipif(NODE is None, reason="there is no node on the path")
def test_npm_jose_and_we_agree_both_ways(issuer: Issuer) -> None:
    claims, bad = issuer.claims(scope="notes:read", tenant="blü€"), bad_tokens(issuer)
    question = {
        "jwks": jwks([issuer.key]),
        "privateKey": private_jwk(issuer.key),
        "header": header_of(issuer.key),
        "claims": claims,
        "tokens": [sign(claims, issuer.key), *(attack.token for attack in bad)],
        "issuer": ISSUER,
        "audience": AUDIENCE,
    }
    command = [str(NODE), str(Path(__file__).with_name("jose_peer.mjs")), JOSE.as_uri()]
    done = subprocess.run(
        command, input=json.dumps(question).encode(), capture_output=True, timeout=PATIENCE, check=True
    )
    answer = json.loads(done.stdout)
    assert ours(issuer).verify(answer["made"], issuer.now).claims == claims
    good, *refusals = answer["read"]
    assert good == claims
    held = [str(attack) for attack, refusal in zip(bad, refusals, strict=True) if not isinstance(refusal, str)]
    assert held == []
