"""Refresh tokens of two sessions, a bound one and an unbound one, and what is made of them."""

import base64
import hashlib

from hypothesis import strategies as st

from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import (
    MAX_GENERATION,
    PREFIX,
    Channel,
    Malformed,
    RefreshToken,
    RetiredKey,
    UnknownKey,
    compose,
    first_of,
    parse,
)

OLD, NEW, FOREIGN = (hashlib.sha256(name).digest() for name in (b"old", b"new", b"foreign"))
KEYS = KeyRing([OLD])
KEY, OTHER_KEY = BindingKey(b"k" * 32), BindingKey(b"o" * 32)
NOW = 1_800_000_000
sixteen = st.binary(min_size=16, max_size=16)
seconds = st.integers(0, 2**40 - 1)
tokens = st.builds(
    RefreshToken,
    key_id=st.just(KEYS.current.key_id),
    channel=st.sampled_from(list(Channel)),
    sid=sixteen,
    generation=st.integers(0, MAX_GENERATION - 1),
    nonce=sixteen,
    parent=sixteen,
    binding=sixteen,
    sealed=st.binary(min_size=32, max_size=32),
    issued_at=seconds,
    expires_at=seconds,
)


def begin(key: BindingKey | None, keys: KeyRing = KEYS) -> RefreshToken:
    """The token of a sign-in, with or without a key."""
    return first_of(
        bytes(range(16)),
        keys,
        channel=Channel.HOST,
        binding_key=key,
        nonce=b"NONCE-NONCE-NONC",
        parent=b"PARENT-PARENT-PA",
        now=NOW,
        expires_at=NOW + 600_000,
    )


BOUND, UNBOUND = begin(KEY), begin(None)
TEXT = compose(BOUND, KEYS)


def bits_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[len(PREFIX) :] + "==")


def read(
    text: str, keys: KeyRing = KEYS, channel: Channel = Channel.HOST
) -> RefreshToken | Malformed | UnknownKey | RetiredKey:
    return parse(text, keys, channel=channel)
