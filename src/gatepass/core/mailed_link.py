"""The tokens in mailed links: compose, parse, and what makes one void.

    gp_vt_ / gp_pr_ / gp_fr_ + base64url of   version 1 · key id 1 · purpose 1 · subject 16 · expires-at 5 · state 16
                                              · address 0–320 · MAC 32

`gp_vt_` verifies an address, `gp_pr_` resets a password, `gp_fr_` removes or keeps factors that were lost; the
prefixes let secret scanners find leaks. `subject` is
the id of an account or of a pending registration. An id that is not 32 hexadecimal digits, as imported accounts may
have, makes version 2: the subject is its length and zeros, and the id stands before the address. `state` is a MAC
over what the subject was when the link was made: its address and its credential version. Using a link changes those,
and so does everything else that must make it void (a new password, another address, deletion), so it works once and
nothing is stored for it. A token whose own MAC does not hold is refused before any I/O (P5). The MACs use a key of
their own, derived from the secrets: the first one signs, all verify, and the roll-out of a new secret breaks no link.
"""

import hmac
import re
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from gatepass.core import base64url
from gatepass.core.keyring import KeyRing

VERSION, NAMED_VERSION = 1, 2
MAC_BYTES = 32
MAX_ADDRESS_BYTES = 1280
"""320 characters of four bytes: the longest address that `wire.bodies` accepts."""
_LAYOUT = struct.Struct(">BBB16s5s16s")
_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TEXT = re.compile(r"gp_(?:vt|pr|fr)_[A-Za-z0-9_-]{96,1976}", re.ASCII)


class Purpose(IntEnum):
    """The one thing that a link may be used for."""

    VERIFY = 1
    RESET = 2
    CHANGE_EMAIL = 3
    RECOVER_FACTORS = 4

    @property
    def prefix(self) -> str:
        """How its tokens begin."""
        return {Purpose.RESET: "gp_pr_", Purpose.RECOVER_FACTORS: "gp_fr_"}.get(self, "gp_vt_")


@dataclass(frozen=True, slots=True)
class Link:
    """A link's facts. `subject` is an id; `address` the new one of CHANGE_EMAIL, else empty."""

    key_id: int
    purpose: Purpose
    subject: str
    expires_at: int
    state: bytes = field(repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class InvalidLink:
    """Garbage, a foreign MAC, another version or another purpose."""


@dataclass(frozen=True, slots=True)
class UnknownLinkKey:
    """Under a key id that this server does not have (yet): a roll-out."""


def make_link(
    keys: KeyRing, purpose: Purpose, *, subject: str, state: tuple[str, ...], expires_at: int, address: str = ""
) -> Link:
    """A link under the first secret. `subject` is an id of at most 128 ASCII characters.

    A change of `state` makes the link void.
    """
    key_id = keys.current.key_id
    mark = state_of(keys, key_id, state)
    return Link(key_id, purpose, subject, expires_at, mark, address)


def state_of(keys: KeyRing, key_id: int, state: tuple[str, ...]) -> bytes:
    """The MAC of a state under one of the secrets. Lengths go in, so that no two states have one message."""
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in state)
    return hmac.digest(_key(keys, key_id), b"state" + message, "sha256")[:16]


def is_still(link: Link, keys: KeyRing, state: tuple[str, ...]) -> bool:
    """Whether `state` is that of the time when the link was made."""
    return hmac.compare_digest(link.state, state_of(keys, link.key_id, state))


def compose_link(link: Link, keys: KeyRing) -> str:
    """The text of a link's token."""
    is_hex = _HEX.fullmatch(link.subject) is not None
    body = _LAYOUT.pack(
        VERSION if is_hex else NAMED_VERSION,
        link.key_id,
        link.purpose,
        bytes.fromhex(link.subject) if is_hex else bytes([len(link.subject), *bytes(15)]),
        link.expires_at.to_bytes(5, "big"),
        link.state,
    )
    body += (("" if is_hex else link.subject) + link.address).encode()
    return link.purpose.prefix + base64url.encode(body + _mac(keys, link.key_id, body))


def parse_link(text: str, keys: KeyRing, *, purpose: Purpose) -> Link | InvalidLink | UnknownLinkKey:
    """Read and authenticate a token's text, for one purpose. The caller must check `expires_at` and `is_still`."""
    if _TEXT.fullmatch(text) is None or not text.startswith(purpose.prefix):
        return InvalidLink()
    raw = _decode(text[len(purpose.prefix) :])
    if raw is None:
        return InvalidLink()
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    version, key_id, kind, subject, expires_at, state = _LAYOUT.unpack_from(body)
    if version not in (VERSION, NAMED_VERSION) or kind != purpose:
        return InvalidLink()
    if keys.find(key_id) is None:
        return UnknownLinkKey()
    if not hmac.compare_digest(_mac(keys, key_id, body), mac):
        return InvalidLink()
    id_length = subject[0] if version == NAMED_VERSION else 0
    account_id, address = body[_LAYOUT.size :][:id_length], body[_LAYOUT.size + id_length :]
    if len(address) > MAX_ADDRESS_BYTES:
        return InvalidLink()
    subject_id = account_id.decode() if id_length else subject.hex()
    return Link(key_id, purpose, subject_id, int.from_bytes(expires_at, "big"), state, address.decode())


def _decode(text: str) -> bytes | None:
    """The bytes of at least a whole token, or None."""
    try:
        raw = base64url.decode(text.encode())
    except ValueError:
        return None
    return raw if len(raw) >= _LAYOUT.size + MAC_BYTES else None


def _key(keys: KeyRing, key_id: int) -> bytes:
    secret_keys = keys.find(key_id)
    if secret_keys is None:
        raise ValueError("the link names a key that is not in the key ring")
    return secret_keys.link


def _mac(keys: KeyRing, key_id: int, body: bytes) -> bytes:
    return hmac.digest(_key(keys, key_id), b"link" + body, "sha256")
