"""Signing keys that are kept in the store, and which of them signs at a given moment (PROTOCOL §7).

A stored key is a random seed, sealed under the server secret, from which a signing key is made in the same way as
from a secret itself. Its life, on one line of time:

    created ──published──► active_from ──signs──► superseded or retired_at ──verifies──► + kept ──► gone

`kept` is the longest life of an access token with tolerances: after that no token under the key can be valid.
Until a stored key is active the keys derived from the secrets sign; they follow the same line from then on.
A key that is removed in an emergency is gone at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatepass.core.keyring import Algorithm, KeyRing, SecretKeys, SigningKey

SEED_BYTES = 32
NONCE_BYTES = 12
MIN_SEALED = 1 + NONCE_BYTES + SEED_BYTES
State = Literal["published", "signs", "verifies", "gone"]


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row. Times are Unix seconds; `sealed` is key id of the secret (1) · nonce (12) · AES-256-GCM of the seed."""

    kid: str
    algorithm: Algorithm
    sealed: bytes = field(repr=False)
    created_at: int
    active_from: int
    retired_at: int | None = None
    is_removed: bool = False

    @property
    def was_called_off(self) -> bool:
        """Whether it was retired before it ever signed."""
        return self.retired_at is not None and self.retired_at <= self.active_from


def make(
    seed: bytes, *, nonce: bytes, under: SecretKeys, algorithm: Algorithm, now: int, active_from: int
) -> StoredKey:
    """A new key of this seed, sealed `under` a secret. `seed` and `nonce` are random and never used again."""
    kid = SigningKey.from_secret(seed, algorithm).kid
    sealed = _seal(seed, nonce=nonce, under=under, kid=kid, algorithm=algorithm)
    return StoredKey(kid, algorithm, sealed, now, active_from)


def unseal(stored: StoredKey, ring: KeyRing) -> SigningKey | None:
    """The key itself; None if the secret that it was sealed under is not in the ring, or if the row is malformed."""
    seed = _open(stored, ring)
    return None if seed is None else SigningKey.from_secret(seed, stored.algorithm)


def reseal(stored: StoredKey, ring: KeyRing, *, nonce: bytes) -> StoredKey | None:
    """The same key under the first secret of the ring; None if it is already, or if it cannot be opened."""
    seed = None if stored.sealed[:1] == bytes([ring.current.key_id]) else _open(stored, ring)
    if seed is None:
        return None
    sealed = _seal(seed, nonce=nonce, under=ring.current, kid=stored.kid, algorithm=stored.algorithm)
    return replace(stored, sealed=sealed)


def states(stored: Iterable[StoredKey], *, now: int, kept: int) -> Mapping[str, State]:
    """What each key may be used for at `now` (Unix seconds), by kid."""
    ordered = sorted(stored, key=lambda key: (key.active_from, key.created_at, key.kid))
    found: dict[str, State] = {}
    superseded_at: int | None = None
    for key in reversed(ordered):
        end = min((time for time in (key.retired_at, superseded_at) if time is not None), default=None)
        found[key.kid] = _state(key, end=end, now=now, kept=kept)
        if key.active_from <= now and not key.was_called_off:
            superseded_at = key.active_from
    return found


def _state(key: StoredKey, *, end: int | None, now: int, kept: int) -> State:
    if key.is_removed or key.was_called_off or (end is not None and now >= end + kept):
        return "gone"
    if now < key.active_from:
        return "published"
    return "signs" if end is None or now < end else "verifies"


def choose(
    derived: Sequence[SigningKey], stored: Iterable[tuple[StoredKey, SigningKey]], *, now: int, kept: int
) -> tuple[SigningKey, ...]:
    """All keys that are published and verify at `now`; the first signs."""
    pairs = list(stored)
    standing = states((row for row, _ in pairs), now=now, kept=kept)
    signing = [key for row, key in pairs if standing[row.kid] == "signs"]
    others = [key for row, key in pairs if standing[row.kid] in ("published", "verifies")]
    if not signing:
        return (*derived, *others)
    first_active = min(row.active_from for row, _ in pairs if not row.was_called_off)
    outlived = () if now >= first_active + kept else derived
    return (*signing, *others, *outlived)


def _seal(seed: bytes, *, nonce: bytes, under: SecretKeys, kid: str, algorithm: Algorithm) -> bytes:
    bound = f"{algorithm} {kid}".encode()
    return bytes([under.key_id]) + nonce + AESGCM(under.seal).encrypt(nonce, seed, bound)


def _open(stored: StoredKey, ring: KeyRing) -> bytes | None:
    if len(stored.sealed) < MIN_SEALED or stored.algorithm not in get_args(Algorithm):
        return None
    secret_keys = ring.find(stored.sealed[0])
    if secret_keys is None:
        return None
    nonce, sealed = stored.sealed[1 : 1 + NONCE_BYTES], stored.sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(secret_keys.seal).decrypt(nonce, sealed, f"{stored.algorithm} {stored.kid}".encode())
    except InvalidTag:  # another secret with the same key id, or a row that was tampered with
        return None
