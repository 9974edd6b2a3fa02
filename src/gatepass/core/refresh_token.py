"""The refresh token's text: compose, parse, fingerprint, successor (PROTOCOL §2).

    gp_rt_ + base64url of   version 1 · key id 1 · sid 16 · generation 4 · nonce 16 · parent 16
                            · issued-at 5 · expires-at 5 · MAC 32                            = 96 bytes

96 bytes are exactly 128 characters, so base64url has no padding and one representation only. The prefix lets
secret scanners find leaks. The MAC is HMAC-SHA256 over all that precedes it; a token without a valid one is
refused before any I/O (P5).
"""

import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field

from gatepass.core import base64url
from gatepass.core.keyring import KeyRing, SecretKeys

PREFIX = "gp_rt_"
VERSION = 1
MAC_BYTES = 32
_LAYOUT = struct.Struct(">BB16sI16s16s5s5s")
_TEXT = re.compile(r"gp_rt_[A-Za-z0-9_-]{128}", re.ASCII)
_IDENTITY = struct.Struct(">B16sI16s16s")
MAX_GENERATION = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token's facts. Times are Unix seconds; `sid`, `nonce` and `parent` have 16 bytes."""

    key_id: int
    sid: bytes
    generation: int
    nonce: bytes = field(repr=False)
    parent: bytes = field(repr=False)
    issued_at: int
    expires_at: int

    @property
    def fingerprint(self) -> bytes:
        """The token's identity: times, key id and MAC are no part of it, so a re-issued copy is the same."""
        identity = _IDENTITY.pack(VERSION, self.sid, self.generation, self.nonce, self.parent)
        return hashlib.sha256(identity).digest()[:16]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a refresh token of this issuer: garbage, a foreign MAC, another version."""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """Well-formed, under a key id that this server does not have (yet): a roll-out, never a logout."""


def compose(token: RefreshToken, keys: KeyRing) -> str:
    """The text of a token. Its key id must be one of `keys`."""
    secret_keys = keys.find(token.key_id)
    if secret_keys is None:
        raise ValueError("the token names a key that is not in the key ring")
    body = _LAYOUT.pack(
        VERSION,
        token.key_id,
        token.sid,
        token.generation,
        token.nonce,
        token.parent,
        token.issued_at.to_bytes(5, "big"),
        token.expires_at.to_bytes(5, "big"),
    )
    return PREFIX + base64url.encode(body + _mac(secret_keys, body))


def parse(text: str, keys: KeyRing) -> RefreshToken | Malformed | UnknownKey:
    """Read and authenticate a token's text. Costs one HMAC and no I/O."""
    if _TEXT.fullmatch(text) is None:
        return Malformed()
    raw = base64url.decode(text[len(PREFIX) :].encode())
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    version, key_id, sid, generation, nonce, parent, issued_at, expires_at = _LAYOUT.unpack(body)
    if version != VERSION:
        return Malformed()
    secret_keys = keys.find(key_id)
    if secret_keys is None:
        return UnknownKey()
    if not hmac.compare_digest(_mac(secret_keys, body), mac):
        return Malformed()
    return RefreshToken(
        key_id=key_id,
        sid=sid,
        generation=generation,
        nonce=nonce,
        parent=parent,
        issued_at=int.from_bytes(issued_at, "big"),
        expires_at=int.from_bytes(expires_at, "big"),
    )


def successor_of(
    token: RefreshToken,
    keys: KeyRing,
    *,
    key_hash: bytes | None,
    entropy: bytes,
    now: int,
    expires_at: int,
) -> RefreshToken:
    """The successor of `token` for a request under a key (`key_hash` has 16 bytes), or without one (None).

    With a key its identity is a function of token and key alone, whatever the clock, the signing secret or
    the server; without one, the 16 bytes of `entropy` are its nonce. It is signed by the first secret.
    """
    fingerprint = token.fingerprint
    nonce = entropy if key_hash is None else _successor_nonce(token, fingerprint + key_hash)
    return RefreshToken(
        key_id=keys.current.key_id,
        sid=token.sid,
        generation=token.generation + 1,
        nonce=nonce,
        parent=fingerprint,
        issued_at=now,
        expires_at=expires_at,
    )


def hash_key(header: str) -> bytes:
    """The 16 bytes by which an Idempotency-Key is remembered: a read of the store tells nothing (P6)."""
    return hashlib.sha256(header.encode("ascii")).digest()[:16]


def _successor_nonce(token: RefreshToken, message: bytes) -> bytes:
    # Under the token's own nonce and no server secret. During a change of secrets one token exists in two copies,
    # signed by either; a key that depends on the signer would give them different successors, a fork. Nothing is
    # lost: without a MAC, knowing an identity is harmless, and a store knows fingerprints, never a nonce.
    return hmac.digest(token.nonce, message, "sha256")[:16]


def _mac(secret_keys: SecretKeys, body: bytes) -> bytes:
    return hmac.digest(secret_keys.mac, body, "sha256")
