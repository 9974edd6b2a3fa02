"""What an authenticator signs: challenges that the server knows again without having stored them.

    challenge   key id 1 · expires-at 5 · nonce 16 · MAC 20

The MAC is HMAC-SHA256, cut to 20 bytes, over the purpose, what the ceremony belongs to, and all that precedes it. So a
challenge to sign in adds no passkey, one of an account or a session is worth nothing in another, and one of a second
step belongs to its ticket alone. That a challenge counts once is the store's part (`FactorStore.use_once`).

The handle by which an authenticator knows an account is a MAC of the account's id under the same key: no text of the
account (WebAuthn L3 §14.6.1), and the same each time, so that a device that gets a second passkey for it replaces the
first.
"""

import hashlib
import hmac
from typing import Literal

from gatepass.core.factor import USER_HANDLE_BYTES
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import MINUTE

Purpose = Literal["add", "sign-in"]
CHALLENGE_TTL = 5 * MINUTE
"""Against what: a stolen answer that never arrived is worth something for so long. A person who looks for a security
key needs a minute or two (WebAuthn L3 §15.1: five minutes)."""
NONCE_BYTES = 16
_MAC_BYTES = 20
_TIME = slice(1, 6)
_LENGTH = 1 + 5 + NONCE_BYTES + _MAC_BYTES


def compose_challenge(keys: KeyRing, purpose: Purpose, *, belongs_to: bytes, now: int, nonce: bytes) -> bytes:
    """A challenge. `belongs_to` is what only this ceremony has; `nonce` are NONCE_BYTES that were never used before."""
    body = bytes([keys.current.key_id]) + (now + CHALLENGE_TTL).to_bytes(5, "big") + nonce
    return body + _mac(keys.current.passkey, purpose, belongs_to=belongs_to, body=body)


def read_challenge(challenge: bytes, keys: KeyRing, purpose: Purpose, *, belongs_to: bytes, now: int) -> int | None:
    """Until when a challenge counts (Unix seconds). None for one that is not ours, of another ceremony, or expired."""
    body, mac = challenge[:-_MAC_BYTES], challenge[-_MAC_BYTES:]
    secret_keys = keys.find(body[0]) if len(challenge) == _LENGTH else None
    if secret_keys is None:
        return None
    if not hmac.compare_digest(_mac(secret_keys.passkey, purpose, belongs_to=belongs_to, body=body), mac):
        return None
    expires_at = int.from_bytes(body[_TIME], "big")
    return expires_at if now < expires_at <= now + CHALLENGE_TTL else None


def user_handle(keys: KeyRing, account_id: str, *, key_id: int | None = None) -> bytes:
    """The handle of an account that has no passkey yet, under the current secret or that of a challenge.

    b"" if there is no secret of this key id.
    """
    secret_keys = keys.current if key_id is None else keys.find(key_id)
    if secret_keys is None:
        return b""
    return hmac.digest(secret_keys.passkey, b"handle|" + account_id.encode(), hashlib.sha256)[:USER_HANDLE_BYTES]


def _mac(key: bytes, purpose: str, *, belongs_to: bytes, body: bytes) -> bytes:
    # The body has a fixed length and stands last, so no two ceremonies have one message.
    return hmac.digest(key, purpose.encode() + b"|" + belongs_to + body, hashlib.sha256)[:_MAC_BYTES]
