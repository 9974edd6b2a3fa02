"""The binding key: its names, its proof, and that a token carries it for the server alone (PROTOCOL §2, §5)."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.binding import Proof, binding_of, challenge_of, key_id_of, mask, parse_proof, prove
from gatepass.core.mac import Mac

KEY = bytes(range(32))
SID = bytes(range(16))
GOOD = "7.AAAAAAAAAAA." + "B" * 22
keys = st.binary(min_size=32, max_size=32)
sixteen = st.binary(min_size=16, max_size=16)


def test_the_names_of_a_key_are_hashes_under_labels_of_their_own() -> None:
    assert binding_of(KEY) == hashlib.sha256(b"gatepass binding" + KEY).digest()[:16]
    assert key_id_of(KEY) == hashlib.sha256(b"gatepass key id" + KEY).digest()[:8]


def test_a_challenge_is_eleven_characters_of_the_fingerprint() -> None:
    fingerprint = bytes(range(200, 216))
    assert challenge_of(fingerprint) == base64.urlsafe_b64encode(fingerprint).decode()[:11]


def test_a_proof_is_an_hmac_over_session_generation_and_challenge() -> None:
    message = b"gatepass refresh|000102030405060708090a0b0c0d0e0f|7|AAAAAAAAAAA"
    expected = base64.urlsafe_b64encode(hmac.digest(KEY, message, "sha256")).decode()[:22]
    assert prove(KEY, sid=SID, generation=7, challenge="AAAAAAAAAAA") == expected


@given(keys, keys, sixteen, sixteen)
def test_a_mask_opens_under_its_own_pad_and_fingerprint_only(
    key: bytes, pad: bytes, fingerprint: bytes, other: bytes
) -> None:
    one = Mac(pad)
    sealed = mask(key, pad=one, fingerprint=fingerprint)
    assert mask(sealed, pad=one, fingerprint=fingerprint) == key
    assert (mask(sealed, pad=one, fingerprint=other) == key) == (other == fingerprint)


def test_a_proof_header_has_three_parts() -> None:
    assert parse_proof(GOOD) == Proof(7, "AAAAAAAAAAA", "B" * 22)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD + ".",
        GOOD + "B",
        GOOD + "\n",
        " " + GOOD,
        "07" + GOOD[1:],
        "-" + GOOD,
        "٧" + GOOD[1:],
        "12345678901" + GOOD[1:],
        GOOD.replace("A", "+"),
        GOOD[:-1] + "=",
        GOOD + ", " + GOOD,
        "7." + "B" * 22,
        "1",
    ],
)
def test_every_other_form_of_the_header_is_none(text: str) -> None:
    assert parse_proof(text) is None
