"""What binds a session to one client: a key that the client keeps, and a proof that it sends (PROTOCOL §5).

    K         32 random bytes of the client, sent once, in the request that signs in
    binding   the public name of K: stored in the row, part of every refresh token
    proof     an HMAC under K over the refresh token's session, generation and challenge

The server stores no K. Each refresh token carries it, sealed under the server's secret: so a read of the database, or
of the cookie jar, does not tell it (P6), and the server needs no I/O to check a proof.
"""

import hashlib
import re
from typing import NamedTuple, Self

from gatepass.core import base64url
from gatepass.core.mac import Mac, digest_once

KEY_BYTES = 32
PROOF_CHARACTERS = 22
CHALLENGE_CHARACTERS = 11
_PROOF = re.compile(r"(0|[1-9][0-9]{0,9})\.([A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{22})", re.ASCII)


class BindingKey:
    """A client's key, opaque to crash reports as `core.secret.Secret` is. No `repr`, format or copy of it shows it."""

    __slots__ = ("_raw", "binding")

    def __init__(self, raw: bytes, *, binding: bytes = b"") -> None:
        """`binding` is its name, if an authentic token says it. Raises ValueError unless `raw` has KEY_BYTES bytes."""
        if len(raw) != KEY_BYTES:
            raise ValueError("a binding key has 32 bytes")
        self._raw = raw
        self.binding = binding or binding_of(raw)
        """The 16 bytes that name it: no secret."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key in its one text: 43 characters of base64url. Raises ValueError for any other."""
        return cls(base64url.decode(text.encode("ascii")))

    def __repr__(self) -> str:
        return "<binding key>"

    def __reduce__(self) -> str:
        raise TypeError("a binding key is not pickled")

    def reveal(self) -> bytes:
        """The bytes. Pass them on as an argument; do not put them into a variable."""
        return self._raw


class Proof(NamedTuple):
    """The header `Gatepass-Proof`: which refresh token the client is about to present, and the HMAC for it."""

    generation: int
    challenge: str
    text: str


def parse_proof(header: str) -> Proof | None:
    """The parts of a Gatepass-Proof header, or None for any other form."""
    match = _PROOF.fullmatch(header)
    return Proof(int(match[1]), match[2], match[3]) if match else None


def binding_of(key: bytes) -> bytes:
    """The 16 bytes that name a binding key."""
    return hashlib.sha256(b"gatepass binding" + key).digest()[:16]


def key_id_of(key: bytes) -> bytes:
    """The first 8 bytes of the session id of a sign-in that brings `key`: so the client finds its key again."""
    return hashlib.sha256(b"gatepass key id" + key).digest()[:8]


def challenge_of(fingerprint: bytes) -> str:
    """The public mark of a refresh token. A page that never saw the token cannot know it in advance."""
    return base64url.encode(fingerprint)[:CHALLENGE_CHARACTERS]


def prove(key: bytes, *, sid: bytes, generation: int, challenge: str) -> str:
    """The proof for one refresh token: the last part of the Gatepass-Proof header."""
    message = f"gatepass refresh|{sid.hex()}|{generation}|{challenge}".encode("ascii")
    return base64url.encode(digest_once(key, message))[:PROOF_CHARACTERS]


def mask(key: bytes, *, pad: Mac, fingerprint: bytes) -> bytes:
    """Seal or open a binding key for one refresh token: XOR with HMAC(pad, fingerprint).

    No other plaintext ever meets the mask of a fingerprint, since the fingerprint contains the binding. The MAC of the
    token authenticates the result.
    """
    return (int.from_bytes(key, "big") ^ int.from_bytes(pad.digest(fingerprint), "big")).to_bytes(KEY_BYTES, "big")
