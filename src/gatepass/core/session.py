"""The session record: one row per sign-in, whatever happens to it (P7).

`generation`, `fingerprint` and `binding` belong to the *committed* refresh token, the newest one that was seen
presented. Nothing here lets anyone compute a refresh token or a binding key (P6): there are fingerprints and hashes
only.
"""

from dataclasses import dataclass
from typing import Literal

from gatepass.core.value import value

NO_BINDING = bytes(16)
"""The binding of an unbound session: no key was ever offered."""
NO_FINGERPRINT = bytes(16)
"""Recorded as `previous` where the committed token is bound, or where the store lost the one before it."""

EndReason = Literal["expired", "revoked", "replaced", "reused", "unknown"]


@dataclass(frozen=True, slots=True)
class Session:
    """The row of PROTOCOL §3. Times are whole Unix seconds; `sid`, fingerprints and the binding have 16 bytes.

    `previous` is the fingerprint of the token that was committed before the present one, if that one is unbound.
    `methods` are the authentication methods of the sign-in (RFC 8176), and `acr` is the assurance that it had, as the
    authenticating party says it (OpenID Connect Core §2), "" if none was said. `authenticated_at` may lie before
    `created_at`: another system had authenticated the person earlier. `device_key` is the public key that the browser
    registered for the session, b"" if none; from `device_since` on, its first proof, no refresh goes without the
    device (PROTOCOL §11).
    """

    sid: bytes
    account_id: str
    generation: int
    fingerprint: bytes
    binding: bytes
    previous: bytes
    committed_at: int
    created_at: int
    expires_at: int
    authenticated_at: int
    methods: tuple[str, ...]
    remember: bool
    client: str
    last_ip_prefix: str
    revoked_at: int | None = None
    revoke_reason: EndReason | None = None
    device_key: bytes = b""
    device_since: int | None = None
    acr: str = ""


@value
class Swap:
    """One compare-and-swap of a session row: what it must be, and what it becomes.

    A store applies it only where `generation`, `fingerprint` and `binding` are the expected ones, `revoked_at` is null
    and `expires_at` lies after `now` (P8), and `device_since` is null unless this request has `shown_device`. `now`
    becomes `committed_at`. It has no rule of its own.
    """

    sid: bytes
    expected_generation: int
    expected_fingerprint: bytes
    expected_binding: bytes
    generation: int
    fingerprint: bytes
    binding: bytes
    previous: bytes
    now: int
    ip_prefix: str
    shown_device: bool = False
