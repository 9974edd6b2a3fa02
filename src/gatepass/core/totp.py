"""Codes of an authenticator app (RFC 6238): SHA-1, six digits, 30 seconds, as every app has them.

A code holds in its own step and in the one before and after it: clocks differ, and people are slow (RFC 6238 §5.2). A
code works once: the caller stores the step of the last one and passes it as `after`.

The secret is sealed at rest, as signing keys are: key id of the server's secret (1) · nonce (12) · AES-256-GCM. It is
bound to the account: a row copied to another account opens nothing.
"""

import base64
import hmac
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatepass.core.keyring import KeyRing

SECRET_BYTES = 20
"""160 bits, the length of the hash (RFC 4226 §4, R6)."""
NONCE_BYTES = 12
DIGITS = 6
PERIOD = 30
"""Seconds of a step."""
MAX_DRIFT = 1
"""Steps that a clock may be ahead or behind."""
MAX_TYPED = 16
"""Characters of a code as it is typed, with spaces."""


def step_at(now: int) -> int:
    """The time step of a moment (Unix seconds)."""
    return now // PERIOD


def code_at(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """The code of a step (RFC 4226 §5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(code: str, secret: bytes, *, now: int, after: int) -> int | None:
    """The step of a code that was typed at `now`; None if it is wrong, or of `after` or an earlier step.

    The time that it takes does not depend on the code.
    """
    typed = _digits(code)
    found: int | None = None
    for step in range(step_at(now) - MAX_DRIFT, step_at(now) + MAX_DRIFT + 1):
        is_equal = hmac.compare_digest(code_at(secret, step).encode(), typed)
        if is_equal and step > after:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """The secret as a person types it into an app."""
    return base64.b32encode(secret).decode()


def uri_of(secret: bytes, *, service: str, account: str) -> str:
    """The otpauth URI that an app reads from a QR code.

    A colon parts service and account, so neither may have one; everything else is percent-encoded, a space as %20 and
    a plus as %2B, since apps read the query in different ways.
    """
    issuer, name = (quote(part.replace(":", " ").strip(), safe="@") for part in (service, account))
    return (
        f"otpauth://totp/{issuer}:{name}?secret={text_of(secret)}&issuer={issuer}"
        f"&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )


def seal(secret: bytes, keys: KeyRing, *, nonce: bytes, account_id: str) -> bytes:
    """The secret as it is stored, under the first secret of the server. `nonce` was never used before."""
    current = keys.current
    return bytes([current.key_id]) + nonce + AESGCM(current.totp).encrypt(nonce, secret, account_id.encode())


def unseal(sealed: bytes, keys: KeyRing, *, account_id: str) -> bytes | None:
    """The secret; None if it is under a secret that the server does not have, or was tampered with."""
    secret_keys = keys.find(sealed[0]) if len(sealed) > 1 + NONCE_BYTES else None
    if secret_keys is None:
        return None
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(secret_keys.totp).decrypt(nonce, rest, account_id.encode())
    except InvalidTag:
        return None


def _digits(code: str) -> bytes:
    """What was typed, without the spaces that apps show. Only ASCII digits: str.isdigit takes others too."""
    typed = code.replace(" ", "").replace("\N{NO-BREAK SPACE}", "") if len(code) <= MAX_TYPED else ""
    return typed.encode("ascii", "replace")
