"""What this gate hands out and reads again, and no other party can read or make: members under AES-256-GCM.

base64url of   key id 1 · nonce 12 · the members as JSON, sealed under a key for one purpose, bound to a context
"""

from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatepass.core import base64url, strict_json
from gatepass.core.keyring import KeyRing, SecretKeys

NONCE_BYTES = 12
Purpose = Literal["errand", "ticket"]
"""The key of SecretKeys that seals."""


def seal(members: dict[str, object], keys: KeyRing, *, purpose: Purpose, nonce: bytes, context: bytes) -> str:
    """The text. `nonce` are NONCE_BYTES that were never used before; only the same `context` opens it."""
    current = keys.current
    sealed = AESGCM(_key(current, purpose)).encrypt(nonce, strict_json.dump(members), context)
    return base64url.encode(bytes([current.key_id]) + nonce + sealed)


def unseal(text: str, keys: KeyRing, *, purpose: Purpose, context: bytes) -> tuple[object, bytes] | None:
    """The members and the nonce of a text; None for what this gate did not seal so."""
    try:
        raw = base64url.decode(text.encode("ascii"))
    except ValueError:
        return None
    secret_keys = keys.find(raw[0]) if len(raw) > 1 + NONCE_BYTES else None
    if secret_keys is None:
        return None
    nonce, sealed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        return strict_json.load(AESGCM(_key(secret_keys, purpose)).decrypt(nonce, sealed, context)), nonce
    except InvalidTag:
        return None


def _key(keys: SecretKeys, purpose: Purpose) -> bytes:
    return keys.errand if purpose == "errand" else keys.ticket
