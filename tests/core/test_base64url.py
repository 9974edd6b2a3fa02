"""One value has one text in base64url, and `decode` takes no other."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.base64url import decode, decode_typed, encode


@given(st.binary())
def test_what_is_encoded_is_decoded_and_has_no_padding(raw: bytes) -> None:
    assert decode(encode(raw).encode()) == raw
    assert encode(raw) == base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(st.text(alphabet="AQgw-_Z9+/= \n", max_size=9))
def test_a_text_that_encode_never_makes_is_refused(text: str) -> None:
    try:
        raw = decode(text.encode())
    except ValueError:
        return
    assert encode(raw) == text


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "AA==", "AA\n", "+A", "/A", "é", "AA é"])
def test_another_spelling_of_a_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text.encode())


@given(st.binary())
def test_a_person_may_bring_either_alphabet_with_padding_or_without(raw: bytes) -> None:
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert decode_typed(text) == decode_typed(text.rstrip("=")) == raw
