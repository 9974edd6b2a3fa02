"""Keeping the states after the key changes no HMAC."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.mac import Mac, digest_once


@given(key=st.binary(max_size=64), messages=st.lists(st.binary(max_size=300), min_size=1, max_size=3))
def test_it_is_the_standard_librarys_hmac_of_each_message(key: bytes, messages: list[bytes]) -> None:
    mac = Mac(key)
    for message in messages:
        assert mac.digest(message) == digest_once(key, message) == hmac.digest(key, message, "sha256")


def test_a_key_that_would_have_to_be_hashed_first_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        Mac(bytes(65))
    with pytest.raises(ValueError, match="64 bytes"):
        digest_once(bytes(65), b"")
