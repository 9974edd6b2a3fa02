"""Whatever comes as an access token is judged without an error, within its bounds, and the log says why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.access_token import MAX_LENGTH, RESERVED, sign
from gatepass.errors import InvalidToken
from tests.core.access_tokens import NOW, issuer_of, verifier_of
from tests.core.attack_tokens import cases


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
