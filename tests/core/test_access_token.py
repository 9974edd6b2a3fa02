"""One spelling of one token by one key for one audience holds; the whole table of attacks does not."""

import base64
import json
from itertools import groupby
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from gatepass.core.access_token import RESERVED, Verifier, sign
from gatepass.core.base64url import encode
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import ALGORITHMS, P256_ORDER, Algorithm, KeyRing, SigningKey
from gatepass.core.refresh_token import Channel, compose, first_of
from gatepass.errors import InvalidToken
from tests.core.access_tokens import AUDIENCE, ISSUER, NOW, SECRETS, SKEW, issuer_of, verifier_of
from tests.core.attack_tokens import cases
from tests.core.token_forge import Issuer, accepted


@pytest.fixture(params=ALGORITHMS)
def issuer(request: pytest.FixtureRequest) -> Issuer:
    algorithm: Algorithm = request.param
    return issuer_of(algorithm)


@pytest.fixture
def verifier(issuer: Issuer) -> Verifier:
    return verifier_of(issuer.key)


def test_tokens_at_the_edge_of_the_rules_hold(issuer: Issuer, verifier: Verifier) -> None:
    for name, token in accepted(issuer):
        principal = verifier.verify(token, NOW)
        assert (principal.account_id, principal.session_id) == ("0" * 32, "f" * 32), name


def test_every_attack_of_the_table_is_refused(issuer: Issuer, verifier: Verifier) -> None:
    """With InvalidToken and nothing else: an IndexError or a RecursionError would be a 500 at a guard."""
    tried = 0
    for attack in cases(issuer):
        with pytest.raises(InvalidToken):
            pytest.fail(f"{attack} holds: {verifier.verify(attack.token, NOW)}")
        tried += 1
    assert tried > 1200


def test_the_table_has_many_attacks_of_each_kind_and_each_once(issuer: Issuer) -> None:
    attacks = list(cases(issuer))
    for rule, group in groupby(attacks, key=lambda attack: attack.rule):
        assert len(list(group)) >= 8, rule
    assert len({str(attack) for attack in attacks}) == len(attacks)


def test_a_verifier_of_several_keys_takes_tokens_of_each_and_of_no_other() -> None:
    keys = KeyRing(SECRETS).signing_keys
    verifier = verifier_of(*keys)
    for secret in SECRETS:
        assert verifier.verify(issuer_of("EdDSA", secret).token(), NOW).token_id == "jti-1"
    with pytest.raises(InvalidToken):
        verifier.verify(issuer_of("EdDSA", b"\x77" * 32).token(), NOW)


def test_a_malleable_signature_changes_nothing_that_is_remembered() -> None:
    """ECDSA allows (r, n−s) beside (r, s). Both may hold, so nothing may be keyed on the token's text (TK-15)."""
    issuer = issuer_of("ES256")
    head, _, signature = issuer.token().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    mirrored = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    verifier = verifier_of(issuer.key)
    one = verifier.verify(f"{head}.{signature}", NOW)
    other = verifier.verify(f"{head}.{encode(mirrored)}", NOW)
    assert one == other


def test_a_refresh_token_is_no_access_token(issuer: Issuer, verifier: Verifier) -> None:
    keys = KeyRing(SECRETS)
    token = first_of(
        b"s" * 16,
        keys,
        channel=Channel.HOST,
        binding_key=BindingKey(b"k" * 32),
        nonce=b"n" * 16,
        parent=b"p" * 16,
        now=NOW,
        expires_at=NOW + 9,
    )
    with pytest.raises(InvalidToken):
        verifier.verify(compose(token, keys), NOW)


def test_the_principal_is_what_the_claims_say(issuer: Issuer, verifier: Verifier) -> None:
    principal = verifier.verify(issuer.token(scope="read  write", tenant="blue", auth_time=NOW - 60), NOW)
    assert principal.scopes == {"read", "write"}
    assert principal.claims["tenant"] == "blue"
    assert (principal.issued_at, principal.expires_at, principal.authenticated_at) == (NOW, NOW + 900, NOW - 60)
    assert "tenant" not in repr(principal)


def test_how_the_person_signed_in_is_what_the_claims_say(issuer: Issuer, verifier: Verifier) -> None:
    told = verifier.verify(issuer.token(amr=["fed", "mfa"], acr="urn:x", auth_time=NOW - 60, begun_at=NOW - 9), NOW)
    assert (told.methods, told.acr, told.auth_time, told.begun_at) == (("fed", "mfa"), "urn:x", NOW - 60, NOW - 9)
    untold = verifier.verify(issuer.token(auth_time=NOW - 60), NOW)
    assert (untold.methods, untold.acr, untold.begun_at) == ((), None, NOW - 60)


def test_a_remembered_principal_runs_out_to_the_second(issuer: Issuer, verifier: Verifier) -> None:
    principal = verifier.verify(issuer.token(), NOW)
    assert verifier.still_holds(principal, NOW + 900 + SKEW - 1)
    assert not verifier.still_holds(principal, NOW + 900 + SKEW)


def test_the_session_of_an_authentic_token_is_told_at_any_time_and_of_no_other(
    issuer: Issuer, verifier: Verifier
) -> None:
    times: dict[str, Any]
    others: dict[str, Any]
    for times in ({}, {"exp": NOW - 9_999}, {"iat": NOW + 9_999}, {"nbf": NOW + 9_999}, {"exp": "x"}):
        assert verifier.session_of(issuer.token(**times)) == "f" * 32
    for others in ({"iss": "https://other.example"}, {"aud": "https://other.example"}, {"aud": []}, {"sid": 5}):
        with pytest.raises(InvalidToken):
            verifier.session_of(issuer.token(**others))
    with pytest.raises(InvalidToken):
        verifier.session_of(issuer_of(issuer.key.algorithm, SECRETS[1]).token())


def test_what_is_signed_is_verified(issuer: Issuer, verifier: Verifier) -> None:
    claims = issuer.claims(note="ünïcode ✓")
    token = sign(claims, issuer.key)
    assert dict(verifier.verify(token, NOW).claims) == claims
    header = jws.extract_compact(token.encode()).headers()
    assert list(header.items()) == [("alg", issuer.key.algorithm), ("kid", issuer.key.kid), ("typ", "at+jwt")]


def test_every_claim_that_we_check_or_make_is_reserved() -> None:
    assert set(issuer_of("EdDSA").claims()) | {"nbf"} <= RESERVED


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
class TestPeers:
    """Independent implementations take our tokens, and ours takes theirs."""

    def test_pyjwt_takes_ours(self, issuer: Issuer) -> None:
        key = issuer.key.private if isinstance(issuer.key.private, bytes) else issuer.key.private.public_key()
        algorithm = issuer.key.algorithm
        claims = issuer.claims()
        options = {"verify_exp": False, "verify_iat": False}
        read = jwt.decode(
            sign(claims, issuer.key),
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            issuer=ISSUER,
            options=options,  # type: ignore[arg-type]
        )
        assert read == claims

    def test_joserfc_takes_ours(self, issuer: Issuer) -> None:
        read = jws.deserialize_compact(
            sign(issuer.claims(), issuer.key), peer_key(issuer.key), algorithms=[issuer.key.algorithm]
        )
        assert json.loads(read.payload) == issuer.claims()

    def test_ours_takes_what_joserfc_signs(self, issuer: Issuer, verifier: Verifier) -> None:
        header = {"alg": issuer.key.algorithm, "kid": issuer.key.kid, "typ": "at+jwt"}
        token = jws.serialize_compact(
            header, json.dumps(issuer.claims()), private_peer_key(issuer.key), algorithms=[issuer.key.algorithm]
        )
        assert verifier.verify(token, NOW).account_id == "0" * 32

    def test_ours_takes_what_pyjwt_signs_with_our_header(self, issuer: Issuer, verifier: Verifier) -> None:
        token = jwt.encode(
            issuer.claims(),
            issuer.key.private,
            algorithm=issuer.key.algorithm,
            headers={"kid": issuer.key.kid, "typ": "at+jwt"},
            sort_headers=True,
        )
        assert verifier.verify(token, NOW).account_id == "0" * 32


def peer_key(key: SigningKey) -> OctKey | OKPKey | ECKey:
    """The verification key as joserfc reads it from what we publish."""
    if isinstance(key.private, bytes):
        return OctKey.import_key(key.private)
    assert key.jwk is not None
    return (OKPKey if key.algorithm == "EdDSA" else ECKey).import_key(dict(key.jwk))


def private_peer_key(key: SigningKey) -> OctKey | OKPKey | ECKey:
    if isinstance(key.private, bytes):
        return OctKey.import_key(key.private)
    from_pem = OKPKey if key.algorithm == "EdDSA" else ECKey
    return from_pem.import_key(pem_of(key))


def pem_of(key: SigningKey) -> bytes:
    assert not isinstance(key.private, bytes)
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
