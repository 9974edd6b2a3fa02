"""What the server hands to a device, and knows again without having stored it (PROTOCOL §11).

    challenge   base64url of  key id 1 · expires-at 5 · nonce 16 · MAC 20     to be signed, once or a few times
    cookie      gp_db_ + base64url of  key id 1 · sid 16 · expires-at 5 · MAC 20     earned by a proof

The MAC is HMAC-SHA256, cut to 20 bytes, over a label of the purpose, the session's id and all that precedes it: so a
challenge to register cannot be used to refresh, and nothing of one session in another. A challenge lives for two
minutes, and within them it may be used again: browsers repeat a request whose answer was lost with the signature that
they have.
"""

import hashlib
import hmac
import re
from typing import Literal

from gatepass.core import base64url
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import MINUTE, Policy

Purpose = Literal["register", "refresh"]
CookieState = Literal["valid", "invalid", "unknown-key"]
COOKIE_PREFIX = "gp_db_"
MAC_BYTES = 20
NONCE_BYTES = 16
CHALLENGE_TTL = 2 * MINUTE
"""Against what: who recorded a proof could use it for so long. A TPM signs within seconds."""
COOKIE_TTL = 5 * MINUTE
"""Against what: a copy of the whole profile has the cookie for what is left of it. Chromium renews it while less than
two minutes are left, and signs at most six times in nine minutes: with less, pages that reload often would run out."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{56}", re.ASCII)
_COOKIE = re.compile(r"gp_db_[A-Za-z0-9_-]{56}", re.ASCII)


def cookie_ttl(policy: Policy) -> int:
    """Seconds that the cookie of a device lives; a demonstration's is a third of its access tokens'."""
    return max(2, policy.access_ttl // 3) if policy.demonstration else COOKIE_TTL


def compose_challenge(keys: KeyRing, *, purpose: Purpose, sid: bytes, now: int, nonce: bytes) -> str:
    """A challenge for one session. `nonce` are 16 random bytes, `now` Unix seconds."""
    body = bytes([keys.current.key_id]) + _time(now + CHALLENGE_TTL) + nonce
    return base64url.encode(body + _mac(keys.current.device, purpose, sid + body))


def is_challenge(text: str, keys: KeyRing, *, purpose: Purpose, sid: bytes, now: int) -> bool:
    """Whether this server, or another with one of the secrets, made this challenge and it has not expired."""
    if _CHALLENGE.fullmatch(text) is None:
        return False
    body = _opened(base64url.decode(text.encode()), keys, purpose=purpose, head=sid)
    return body is not None and now < int.from_bytes(body[1:6], "big") <= now + CHALLENGE_TTL


def compose_cookie(keys: KeyRing, *, sid: bytes, expires_at: int) -> str:
    """The text of the cookie that the session's device has earned until `expires_at` (Unix seconds)."""
    body = bytes([keys.current.key_id]) + sid + _time(expires_at)
    return COOKIE_PREFIX + base64url.encode(body + _mac(keys.current.device, "cookie", body))


def judge_cookie(text: str, keys: KeyRing, *, sid: bytes, now: int) -> CookieState:
    """What the text of a cookie is worth for the device of the session `sid`.

    `unknown-key`: a roll-out has not brought its secret to this server yet, so nothing can be said.
    """
    if _COOKIE.fullmatch(text) is None:
        return "invalid"
    raw = base64url.decode(text[len(COOKIE_PREFIX) :].encode())
    if keys.find(raw[0]) is None:
        return "unknown-key"
    body = _opened(raw, keys, purpose="cookie", head=b"")
    holds = body is not None and body[1:17] == sid and now < int.from_bytes(body[17:], "big")
    return "valid" if holds else "invalid"


def _opened(raw: bytes, keys: KeyRing, *, purpose: str, head: bytes) -> bytes | None:
    """What precedes the MAC, if the MAC holds."""
    body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
    secret_keys = keys.find(body[0])
    if secret_keys is None or not hmac.compare_digest(_mac(secret_keys.device, purpose, head + body), mac):
        return None
    return body


def _mac(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"|" + body, hashlib.sha256)[:MAC_BYTES]


def _time(seconds: int) -> bytes:
    return seconds.to_bytes(5, "big")
