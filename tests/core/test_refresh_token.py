"""A refresh token's text has one spelling, one maker and one identity."""

import base64
import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import (
    MAX_GENERATION,
    PREFIX,
    Malformed,
    RefreshToken,
    UnknownKey,
    compose,
    hash_key,
    parse,
    successor_of,
)

OLD, NEW, FOREIGN = (hashlib.sha256(name).digest() for name in (b"old", b"new", b"foreign"))
KEYS = KeyRing([OLD])
TOKEN = RefreshToken(
    key_id=KEYS.current.key_id,
    sid=bytes(range(16)),
    generation=7,
    nonce=b"NONCE-NONCE-NONC",
    parent=b"PARENT-PARENT-PA",
    issued_at=1_800_000_000,
    expires_at=1_800_600_000,
)
TEXT = compose(TOKEN, KEYS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
sixteen = st.binary(min_size=16, max_size=16)
seconds = st.integers(0, 2**40 - 1)
tokens = st.builds(
    RefreshToken,
    key_id=st.just(KEYS.current.key_id),
    sid=sixteen,
    generation=st.integers(0, MAX_GENERATION),
    nonce=sixteen,
    parent=sixteen,
    issued_at=seconds,
    expires_at=seconds,
)


def bits_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[len(PREFIX) :])


def text_of(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).decode()


def exchange(token: RefreshToken, keys: KeyRing = KEYS, *, key: bytes | None, now: int = 0) -> RefreshToken:
    return successor_of(token, keys, key_hash=key, entropy=b"r" * 16, now=now, expires_at=now + 9)


@given(tokens)
def test_what_is_composed_is_parsed_again(token: RefreshToken) -> None:
    assert parse(compose(token, KEYS), KEYS) == token


def test_the_text_is_the_prefix_and_128_characters() -> None:
    assert TEXT.startswith("gp_rt_")
    assert len(TEXT) == 6 + 128


def test_every_flipped_bit_is_refused() -> None:
    raw = bits_of(TEXT)
    for position in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[position // 8] ^= 1 << position % 8
        assert isinstance(parse(text_of(bytes(flipped)), KEYS), Malformed | UnknownKey), position


def test_every_other_character_is_refused() -> None:
    for position, letter in enumerate(TEXT):
        other = ALPHABET[(ALPHABET.index(letter) + 1) % 64] if letter in ALPHABET else "x"
        changed = TEXT[:position] + other + TEXT[position + 1 :]
        assert isinstance(parse(changed, KEYS), Malformed | UnknownKey), position


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        TEXT[:-1],
        TEXT + "A",
        TEXT + "=",
        TEXT + "\n",
        "\n" + TEXT,
        " " + TEXT,
        TEXT[len(PREFIX) :],
        TEXT.upper(),
        TEXT.replace("gp_rt_", "gp_at_"),
        TEXT[:40] + "+" + TEXT[41:],
        TEXT[:40] + "/" + TEXT[41:],
        TEXT[:40] + "é" + TEXT[41:],
        TEXT[:40] + "٣" + TEXT[41:],
        TEXT[:40] + "\0" + TEXT[41:],
        TEXT[:70],
        TEXT * 2,
        "A" * 100_000,
        text_of(bits_of(TEXT) + bytes(3)),
    ],
)
def test_there_is_one_spelling_only(text: str) -> None:
    assert parse(text, KEYS) == Malformed()


@given(st.text(max_size=200))
def test_garbage_is_malformed_and_never_an_error(text: str) -> None:
    assert parse(text, KEYS) == Malformed()


@given(st.binary(min_size=96, max_size=96))
def test_random_bytes_in_the_right_form_are_refused(raw: bytes) -> None:
    assert isinstance(parse(text_of(raw), KEYS), Malformed | UnknownKey)


def test_another_version_is_malformed_even_under_an_unknown_key() -> None:
    raw = bytearray(bits_of(TEXT))
    raw[0], raw[1] = 2, raw[1] ^ 1
    assert parse(text_of(bytes(raw)), KEYS) == Malformed()


def test_an_unknown_key_id_is_a_roll_out_and_no_forgery() -> None:
    new = KeyRing([NEW])
    assert parse(compose(replace(TOKEN, key_id=new.current.key_id), new), KEYS) == UnknownKey()


def test_a_foreign_secret_under_our_key_id_is_malformed() -> None:
    """An attacker knows the key id, which is in every token, but not the key."""
    foreign = KeyRing([FOREIGN])
    raw = bytearray(bits_of(compose(replace(TOKEN, key_id=foreign.current.key_id), foreign)))
    raw[1] = KEYS.current.key_id
    assert parse(text_of(bytes(raw)), KEYS) == Malformed()


def test_a_token_is_not_composed_under_a_key_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="key ring"):
        compose(replace(TOKEN, key_id=TOKEN.key_id ^ 1), KEYS)


@given(tokens, seconds, seconds, st.integers(0, 255))
def test_identity_is_free_of_times_and_key_id(token: RefreshToken, issued: int, expires: int, key_id: int) -> None:
    other = replace(token, issued_at=issued, expires_at=expires, key_id=key_id)
    assert other.fingerprint == token.fingerprint


@given(tokens, tokens)
def test_identity_is_all_of_session_generation_nonce_and_parent(one: RefreshToken, other: RefreshToken) -> None:
    facts = [(token.sid, token.generation, token.nonce, token.parent) for token in (one, other)]
    assert (one.fingerprint == other.fingerprint) == (facts[0] == facts[1])
    assert replace(one, generation=one.generation ^ 1).fingerprint != one.fingerprint


@given(tokens.filter(lambda token: token.generation < MAX_GENERATION), sixteen, seconds)
def test_a_keyed_successor_is_a_function_of_token_and_key(token: RefreshToken, key: bytes, now: int) -> None:
    """Whatever the clock, the randomness, the server, and the stage of a change of secrets."""
    rings = [KEYS, KeyRing([OLD, NEW]), KeyRing([NEW, OLD]), KeyRing([NEW])]
    first = successor_of(token, KEYS, key_hash=key, entropy=b"1" * 16, now=0, expires_at=9)
    for ring in rings:
        again = successor_of(token, ring, key_hash=key, entropy=b"2" * 16, now=now, expires_at=now + 5)
        assert again.fingerprint == first.fingerprint
        assert again.key_id == ring.current.key_id
        assert (again.issued_at, again.expires_at) == (now, now + 5)
    assert (first.generation, first.parent, first.sid) == (token.generation + 1, token.fingerprint, token.sid)


def test_copies_of_one_token_signed_by_either_secret_have_one_successor() -> None:
    rolled = KeyRing([NEW, OLD])
    copy = replace(TOKEN, key_id=rolled.current.key_id)
    assert exchange(TOKEN, rolled, key=b"k" * 16).fingerprint == exchange(copy, rolled, key=b"k" * 16).fingerprint


@given(tokens.filter(lambda token: token.generation < MAX_GENERATION), sixteen, sixteen)
def test_another_key_makes_another_successor(token: RefreshToken, key: bytes, other: bytes) -> None:
    same = exchange(token, key=key).fingerprint == exchange(token, key=other).fingerprint
    assert same == (key == other)
    assert exchange(token, key=None).fingerprint != exchange(token, key=key).fingerprint


def test_a_keyless_successor_has_the_given_randomness_as_nonce() -> None:
    assert exchange(TOKEN, key=None).nonce == b"r" * 16


def test_secrets_roll_without_a_logout() -> None:
    """`old` → `old,new` → `new,old` → `new`: what a stage signs, its neighbours read."""
    stages = [KeyRing(secrets) for secrets in ([OLD], [OLD, NEW], [NEW, OLD], [NEW])]
    token = TOKEN
    for before, after in pairwise(stages):
        assert parse(compose(token, before), after) == token
        token = exchange(token, after, key=b"k" * 16)
        assert parse(compose(token, after), before) == token


def test_no_secret_part_is_in_the_representation() -> None:
    shown = repr(TOKEN)
    for secret in (TOKEN.nonce, TOKEN.parent):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown


def test_a_key_is_remembered_by_sixteen_bytes_of_its_hash() -> None:
    header = "7." + "A" * 22
    assert hash_key(header) == hashlib.sha256(header.encode()).digest()[:16]
