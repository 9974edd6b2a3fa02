"""base64url without padding (RFC 7515 §2): one value, one text.

A decoder that also takes padding, the other alphabet or unused bits that are not zero gives one token several
spellings. A list of revoked tokens, a cache, a log or a comparison of fingerprints then sees several tokens where the
signature sees one. So everything that carries a MAC or a signature is decoded by `decode`.
"""

import binascii

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/---")  # what is foreign to base64url becomes foreign to base64
_FROM_EITHER = str.maketrans("-_", "+/")
_PADDING = (b"", b"===", b"==", b"=")
_LAST: tuple[frozenset[int], ...] = (
    frozenset(_ALPHABET),
    frozenset(),
    frozenset(_ALPHABET[::16]),
    frozenset(_ALPHABET[::4]),
)
"""The characters that a canonical text may end with, by its length modulo 4: those whose unused bits are zero."""


def encode(raw: bytes) -> str:
    """The text of `raw`."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: bytes) -> bytes:
    """The bytes that `encode` makes this text of. Raises ValueError for every other text."""
    surplus = len(text) % 4
    # a2b_base64 ignores unused bits even in strict mode.
    if text and text[-1] not in _LAST[surplus]:
        raise ValueError("not canonical base64url")
    return binascii.a2b_base64(text.translate(_FROM_URL) + _PADDING[surplus], strict_mode=True)


def decode_typed(text: str) -> bytes:
    """The bytes of a text that was typed or pasted: either alphabet, with padding or without. Raises ValueError."""
    return binascii.a2b_base64(text.translate(_FROM_EITHER) + "=" * (-len(text) % 4), strict_mode=True)
