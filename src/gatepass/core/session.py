"""The session record: one row per sign-in, whatever happens to it (P7).

`generation`, `fingerprint` and `key_hash` belong to the *committed* refresh token, the newest one that was
seen presented; `ancestors` are the committed ones before it. Nothing here lets anyone compute a refresh
token or a client key (P6): there are fingerprints and hashes only.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

NO_KEY = bytes(16)
"""Recorded where a request carried no key."""
UNKNOWN_KEY = b"\xff" * 16
"""Recorded where the store lost the request's record: matches every key (PROTOCOL §4, recover)."""
UNKNOWN_FINGERPRINT = b"\xff" * 16
"""Recorded where the store lost a whole generation: stands for any token of that place in the line."""
MAX_ANCESTORS = 16
"""Against what: a jar rolled back by a killed browser is a handful of refreshes old, never sixteen."""

EndReason = Literal["expired", "revoked", "replaced", "reused", "unknown"]


class Ancestor(NamedTuple):
    """A refresh token that was committed before the present one.

    A row's ancestors are consecutive: the newest is one generation below the committed token, and so on.
    """

    fingerprint: bytes
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """The row of PROTOCOL §3. Times are whole Unix seconds; `sid` and fingerprints have 16 bytes."""

    sid: bytes
    account_id: str
    generation: int
    fingerprint: bytes
    key_hash: bytes
    committed_at: int
    ancestors: tuple[Ancestor, ...]
    created_at: int
    expires_at: int
    authenticated_at: int
    remember: bool
    client: str
    last_ip_prefix: str
    revoked_at: int | None = None
    revoke_reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """One compare-and-swap of a session row: what it must be, and what it becomes.

    A store applies it only where `generation` and `fingerprint` are the expected ones, `revoked_at` is null
    and `expires_at` lies after `now` (P8). It then puts `skipped`, the old committed entry and the old
    ancestors in this order, newest first, and keeps MAX_ANCESTORS of them.
    """

    sid: bytes
    expected_generation: int
    expected_fingerprint: bytes
    generation: int
    fingerprint: bytes
    key_hash: bytes
    now: int
    ip_prefix: str
    skipped: tuple[Ancestor, ...] = ()
