"""The refresh token's text: compose, parse, fingerprint, successor, proof (PROTOCOL §2).

    gp_rt_ + base64url of   version 1 · key id 1 · channel 1 · sid 16 · generation 4 · nonce 16 · parent 16
                            · binding 16 · sealed 32 · issued-at 5 · expires-at 5 · MAC 32   = 145 bytes

145 bytes are 194 characters, of which the last has four unused bits: they must be zero, so each token has one
text. The prefix lets secret scanners find leaks. The MAC is HMAC-SHA256 over all that precedes it; a token without a
valid one is refused before any I/O (P5).

A *bound* token carries the name of a binding key and the key itself, sealed. All bound tokens of a session have one
nonce, so the token of each generation is one token, whichever request asks for it and how often. An *unbound* one has a
random nonce and names the token that it was exchanged for.
"""

import hashlib
import hmac
import struct
from dataclasses import InitVar, dataclass, field
from enum import IntEnum

from gatepass.core import base64url
from gatepass.core.binding import BindingKey, Proof, challenge_of, mask, prove
from gatepass.core.keyring import KeyRing
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from gatepass.core.value import value

PREFIX = "gp_rt_"
VERSION = 2
MAC_BYTES = 32
NOT_SEALED = bytes(32)
MAX_GENERATION = 2**32 - 1
_LAYOUT = struct.Struct(">BBB16sI16s16s16s32s5s5s")
_IDENTITY = struct.Struct(">B16sI16s16s16s")
TEXT_CHARACTERS = 200


class Channel(IntEnum):
    """The kind of cookie name that a token was issued for. Under another kind it counts as malformed."""

    HOST = 1
    """`__Host-Http-`: only a server can set it, and only for its own host."""
    PATH = 2
    """`__Secure-`, under a COOKIE_PATH."""
    LOOPBACK = 3
    """A bare name over plain http on a loopback host, for development."""


@value
class RefreshToken:
    """A refresh token's facts. Times are Unix seconds; `sid`, `nonce`, `parent` and `binding` have 16 bytes."""

    key_id: int
    channel: int
    sid: bytes
    generation: int
    nonce: bytes = field(repr=False)
    parent: bytes = field(repr=False)
    binding: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    issued_at: int
    expires_at: int
    fingerprint: bytes = field(init=False, repr=False, compare=False)
    """The token's identity: times, key id, channel, seal and MAC are no part of it."""
    challenge: str = field(init=False, repr=False, compare=False)
    """The public mark of this token, which its proof must contain."""

    known: InitVar[bytes] = b""
    """Its fingerprint, where that had to be computed before it."""

    def __post_init__(self, known: bytes) -> None:
        identity = known or _identity_of(self.sid, self.generation, self.nonce, self.parent, self.binding)
        object.__setattr__(self, "fingerprint", identity)
        object.__setattr__(self, "challenge", challenge_of(identity))

    @property
    def is_bound(self) -> bool:
        """Whether only the holder of a binding key may use it."""
        return self.binding != NO_BINDING

    @property
    def follows(self) -> bytes:
        """The fingerprint of the token that is committed when this one is presented, unless something was lost."""
        if not self.is_bound:
            return self.parent
        return _identity_of(self.sid, self.generation - 1, self.nonce, self.parent, self.binding)


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a refresh token of this issuer for this channel: garbage, a foreign MAC, another version."""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """Well-formed, under a key id that this server does not have (yet): a roll-out, never a logout."""


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """Well-formed, under a secret that leaked and was dropped: over. Nothing in it is authentic, its `sid` neither."""

    sid: bytes


def compose(token: RefreshToken, keys: KeyRing) -> str:
    """The text of a token. Its key id must be one of `keys`."""
    secret_keys = keys.find(token.key_id)
    if secret_keys is None:
        raise ValueError("the token names a key that is not in the key ring")
    body = _LAYOUT.pack(
        VERSION,
        token.key_id,
        token.channel,
        token.sid,
        token.generation,
        token.nonce,
        token.parent,
        token.binding,
        token.sealed,
        token.issued_at.to_bytes(5, "big"),
        token.expires_at.to_bytes(5, "big"),
    )
    return PREFIX + base64url.encode(body + secret_keys.mac.digest(body))


def parse(text: str, keys: KeyRing, *, channel: int) -> RefreshToken | Malformed | UnknownKey | RetiredKey:
    """Read and authenticate the text of a token that came under a name of `channel`. One HMAC, no I/O."""
    if len(text) != TEXT_CHARACTERS or not text.startswith(PREFIX):
        return Malformed()
    try:  # which characters it may have, the decoder knows
        raw = base64url.decode(text[len(PREFIX) :].encode())
    except ValueError:
        return Malformed()
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    version, key_id, issued_for, sid, generation, nonce, parent, binding, sealed, *times = _LAYOUT.unpack(body)
    if version != VERSION or issued_for != channel:
        return Malformed()
    secret_keys = keys.find(key_id)
    if secret_keys is None:
        return RetiredKey(sid) if key_id in keys.retired else UnknownKey()
    if not hmac.compare_digest(secret_keys.mac.digest(body), mac):
        return Malformed()
    return RefreshToken(
        key_id=key_id,
        channel=channel,
        sid=sid,
        generation=generation,
        nonce=nonce,
        parent=parent,
        binding=binding,
        sealed=sealed,
        issued_at=int.from_bytes(times[0], "big"),
        expires_at=int.from_bytes(times[1], "big"),
    )


def first_of(
    sid: bytes,
    keys: KeyRing,
    *,
    channel: int,
    binding_key: BindingKey | None,
    nonce: bytes,
    parent: bytes,
    now: int,
    expires_at: int,
) -> RefreshToken:
    """The refresh token of a sign-in: generation 0. Bound if the sign-in brought a key, else a child of `parent`.

    `nonce` are 16 random bytes. The row of the new session is generation −1, with the fingerprint that the token
    `follows`: so the first refresh is like every other.
    """
    return _made(
        keys,
        channel=channel,
        sid=sid,
        generation=0,
        nonce=nonce,
        parent=parent,
        binding_key=binding_key,
        now=now,
        expires_at=expires_at,
    )


def successor_of(
    token: RefreshToken,
    keys: KeyRing,
    *,
    generation: int,
    binding_key: BindingKey | None,
    entropy: bytes,
    now: int,
    expires_at: int,
) -> RefreshToken:
    """What `token` is exchanged for, signed by the first secret.

    `generation` is that of the committed token plus one. `binding_key` is the key of a bound token, the one that this
    request offers for an unbound one, or None. Raises ValueError for a bound token without its own key.

    Under a key, the identity of the successor is a function of the token and the key alone; without one, the 16 bytes
    of `entropy` are its nonce.
    """
    if token.is_bound:
        if binding_key is None or binding_key.binding != token.binding:
            raise ValueError("a bound token is exchanged under its own key alone")
        nonce = token.nonce
    elif binding_key is None:
        nonce = entropy
    else:
        # Under the token's own nonce and no server secret: during a change of secrets one token exists in two copies,
        # signed by either, and both must have one successor.
        nonce = hmac.digest(token.nonce, binding_key.binding, "sha256")[:16]
    return _made(
        keys,
        channel=token.channel,
        sid=token.sid,
        generation=generation,
        nonce=nonce,
        parent=token.fingerprint,
        binding_key=binding_key,
        now=now,
        expires_at=expires_at,
    )


def open_key(token: RefreshToken, keys: KeyRing) -> BindingKey:
    """The binding key that a bound, authentic token carries. Raises ValueError for any other."""
    secret_keys = keys.find(token.key_id)
    if secret_keys is None or not token.is_bound:
        raise ValueError("the token carries no key that this key ring can open")
    return BindingKey(mask(token.sealed, pad=secret_keys.pad, fingerprint=token.fingerprint), binding=token.binding)


def proven_key(token: RefreshToken, keys: KeyRing, proof: Proof | None) -> BindingKey | None:
    """The binding key of a bound token, if `proof` was made by it for this very token; else None."""
    if proof is None or (proof.generation, proof.challenge) != (token.generation, token.challenge):
        return None
    key = open_key(token, keys)
    right = prove(key.reveal(), sid=token.sid, generation=token.generation, challenge=token.challenge)
    return key if hmac.compare_digest(right, proof.text) else None


def _made(
    keys: KeyRing,
    *,
    channel: int,
    sid: bytes,
    generation: int,
    nonce: bytes,
    parent: bytes,
    binding_key: BindingKey | None,
    now: int,
    expires_at: int,
) -> RefreshToken:
    binding, sealed, identity = NO_BINDING, NOT_SEALED, b""
    if binding_key is not None:
        binding, parent = binding_key.binding, NO_FINGERPRINT
        identity = _identity_of(sid, generation, nonce, parent, binding)
        sealed = mask(binding_key.reveal(), pad=keys.current.pad, fingerprint=identity)
    return RefreshToken(
        key_id=keys.current.key_id,
        channel=channel,
        sid=sid,
        generation=generation,
        nonce=nonce,
        parent=parent,
        binding=binding,
        sealed=sealed,
        issued_at=now,
        expires_at=expires_at,
        known=identity,
    )


def _identity_of(sid: bytes, generation: int, *rest: bytes) -> bytes:
    """A fingerprint; `rest` are nonce, parent and binding."""
    identity = _IDENTITY.pack(VERSION, sid, generation & MAX_GENERATION, *rest)
    return hashlib.sha256(identity).digest()[:16]
