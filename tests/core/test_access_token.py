"""One spelling of one token by one key for one audience holds; the whole table of attacks does not."""

import base64
import hashlib
import json
from dataclasses import replace
from itertools import groupby
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from gatepass.core.access_token import MAX_LENGTH, RESERVED, Verifier, sign
from gatepass.core.base64url import encode
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import ALGORITHMS, P256_ORDER, Algorithm, KeyRing, SigningKey
from gatepass.core.refresh_token import Channel, compose, first_of
from gatepass.errors import InvalidToken
from tests.core.attack_tokens import cases
from tests.core.token_forge import Issuer, accepted

SECRETS = [hashlib.sha256(name).digest() for name in (b"one", b"two")]
NOW = 1_800_000_000
SKEW = 5
ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"


def issuer_of(algorithm: Algorithm, secret: bytes = SECRETS[0]) -> Issuer:
    return Issuer(SigningKey.from_secret(secret, algorithm), ISSUER, AUDIENCE, NOW, SKEW)


def verifier_of(*keys: SigningKey) -> Verifier:
    return Verifier(keys, issuer=ISSUER, audience=AUDIENCE, skew=SKEW)


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


@given(st.text(max_size=300))
def test_garbage_is_refused_and_never_an_error(text: str) -> None:
    with pytest.raises(InvalidToken):
        verifier_of(issuer_of("EdDSA").key).verify(text, NOW)


@given(st.binary(max_size=400))
def test_any_signed_bytes_are_a_principal_or_refused(payload: bytes) -> None:
    issuer = issuer_of("HS256")
    with pytest.raises(InvalidToken):
        verifier_of(issuer.key).verify(issuer.seal(payload), NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*sorted(RESERVED), "scope"]), json_values)
def test_any_value_of_any_claim_is_judged_without_an_error(name: str, value: object) -> None:
    issuer = issuer_of("HS256")
    try:
        principal = verifier_of(issuer.key).verify(issuer.token(**{name: value}), NOW)
    except InvalidToken:
        return
    assert principal.claims[name] == value


def test_length_is_bounded_before_anything_is_read() -> None:
    with pytest.raises(InvalidToken) as refusal:
        verifier_of(issuer_of("EdDSA").key).verify("A" * (MAX_LENGTH + 1), NOW)
    assert "too long" in refusal.value.why


def test_a_header_alone_selects_key_and_algorithm() -> None:
    """The same kid under another algorithm is another header, and unknown (RFC 8725 §3.1)."""
    key = issuer_of("EdDSA").key
    confused = replace(key, header=issuer_of("ES256").key.header)
    with pytest.raises(InvalidToken) as refusal:
        verifier_of(key).verify(sign(issuer_of("EdDSA").claims(), confused), NOW)
    assert refusal.value.why == "not a header of this issuer"


WHY = {
    "no signature": "signature",
    "a payload of another token": "signature",
    "64 zeros": "signature",
    "no iss": "iss",
    "aud 'elsewhere'": "aud",
    "no aud": "aud",
    "expired to the second": "expired",
    "issued in the future": "issued in the future",
    "not valid yet": "not valid yet",
    "no exp": "exp",
    "auth_time True": "auth_time",
    "iat -1": "iat",
    "no sub": "sub",
    "client_id ''": "client_id",
    "scope 7": "scope",
    "sub twice": "payload: duplicate name",
    "not UTF-8": "payload: not JSON",
    "single quotes": "payload: not JSON",
    "'[]', 2 letters": "payload is not an object",
    "exp NaN, 3 letters": "payload: NaN is not JSON",
    "signature padded with 1": "not canonical base64url",
    "'+' within": "not canonical base64url",
    "just over the limit": "too long or not ASCII",
    "'é' before": "too long or not ASCII",
    "four parts": "signature",
    "no kid": "not a header of this issuer",
}
"""An attack, and the reason that the log has for its refusal."""


def test_the_log_says_why_a_token_does_not_hold() -> None:
    issuer = issuer_of("EdDSA")
    attacks = {attack.name: attack.token for attack in cases(issuer)}
    said = {}
    for name in WHY:
        with pytest.raises(InvalidToken) as refusal:
            verifier_of(issuer.key).verify(attacks[name], NOW)
        said[name] = refusal.value.why
    assert said == WHY


def test_times_may_be_any_second_that_json_can_count_exactly() -> None:
    issuer = issuer_of("EdDSA")
    principal = verifier_of(issuer.key).verify(issuer.token(auth_time=0, exp=2**53), NOW)
    assert (principal.authenticated_at, principal.expires_at) == (0, 2**53)
    with pytest.raises(InvalidToken):
        verifier_of(issuer.key).verify(issuer.token(exp=2**53 + 2), NOW)


def test_a_token_may_be_as_long_as_the_limit() -> None:
    issuer = issuer_of("EdDSA")
    exact = next(
        token
        for size in range(5_700, 6_100)
        if len(token := issuer.token(x="x" * size)) in (MAX_LENGTH, MAX_LENGTH - 1)
    )
    assert verifier_of(issuer.key).verify(exact, NOW).account_id == "0" * 32


def test_without_a_scope_there_is_none() -> None:
    assert verifier_of(issuer_of("EdDSA").key).verify(issuer_of("EdDSA").token(), NOW).scopes == frozenset()
