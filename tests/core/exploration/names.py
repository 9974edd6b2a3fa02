"""Tokens and keys by name.

A token's name is the history of its branch since the sign-in (the empty name): one letter for each refresh,
saying under whose key it was issued. "oot" is the third token: issued twice to the owner, then to the thief.

    o          the owner's key for that very token         t        a key of the thief's own
    p q        the owner's key for a generation one too low, one too high (a broken server only)
    a b c …    no key: one letter for each random nonce     O T      as o and t, by the keys of the new secret
    -          no key was sent                              ?        the store forgot the key

A name with a star is the same token signed under the new secret. Names and real tokens are two views of one
thing: `real` makes the token with the real `successor_of`, `name_of` goes back by fingerprint.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache

from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import RefreshToken, hash_key, successor_of
from gatepass.core.session import NO_KEY, UNKNOWN_FINGERPRINT, UNKNOWN_KEY

OLD, NEW = (hashlib.sha256(name).digest() for name in (b"old secret", b"new secret"))
RINGS = {"": KeyRing([OLD, NEW]), "*": KeyRing([NEW, OLD])}
"""By the mark that the tokens of a server get: before and after the roll-out reached it."""
SID = hashlib.sha256(b"session").digest()[:16]
SIGN_IN = hashlib.sha256(b"sign-in").digest()[:16]
NOW = 1_800_000_000
EXPIRY = NOW + 86_400
STALE = "!"
"""A copied token so old that no store could still know it; all such tokens are alike."""
LOST = "~"
"""A token that the store lost altogether, as the entry of an ancestor."""
OFFSETS = {"o": 0, "t": 0, "p": -1, "q": 1}
CLIENT_KEYS = {"o": b"owner's client key", "t": b"thief's client key"}
RANDOM = "abcdefgh"
SuccessorOf = Callable[..., RefreshToken]


@cache
def identity(token: str) -> str:
    """The name without the mark of the secret that signed it."""
    return token.rstrip("*")


@cache
def generation(token: str) -> int:
    """The generation: −1 for the sign-in itself, 0 for the first refresh token."""
    return len(identity(token)) - 1


@cache
def parent(token: str) -> str:
    """What it was exchanged for."""
    return identity(token)[:-1]


def are_related(one: str, other: str) -> bool:
    """Whether both stand on one line."""
    one, other = identity(one), identity(other)
    return one.startswith(other) or other.startswith(one)


class Names:
    """The dictionary between names and real tokens, for one `successor_of` (the real one, unless a mutant is tried)."""

    def __init__(self, rule: SuccessorOf = successor_of) -> None:
        self._successor_of = rule
        self._tokens: dict[str, RefreshToken] = {}
        self._names = {SIGN_IN: "", UNKNOWN_FINGERPRINT: LOST}
        self._key_names: dict[bytes, tuple[str, int]] = {}
        self._children: dict[tuple[str, str, str], str] = {}

    def real(self, token: str) -> RefreshToken:
        """The token of this name."""
        if token not in self._tokens:
            made = self._make(token)
            self._tokens[token] = made
            self._names.setdefault(made.fingerprint, identity(token))
        return self._tokens[token]

    def fingerprint(self, token: str) -> bytes:
        """What a row knows of it."""
        if token == LOST:
            return UNKNOWN_FINGERPRINT
        return SIGN_IN if token == "" else self.real(token).fingerprint

    def name_of(self, fingerprint: bytes) -> str:
        """The name of the token with this fingerprint."""
        return self._names[fingerprint]

    def key(self, letter: str, generation: int) -> bytes | None:
        """The hash of the key header that goes with a token of this generation."""
        if letter == "-":
            return None
        number = generation + OFFSETS[letter]
        secret = CLIENT_KEYS["t" if letter == "t" else "o"]
        digest = hmac.digest(secret, SID.hex().encode() + b"|%d" % number, "sha256")
        hashed = hash_key(f"{number}.{digest.hex()[:22]}")
        self._key_names[hashed] = ("t" if letter == "t" else "o", number)
        return hashed

    def key_name(self, recorded: bytes, generation: int) -> str:
        """The letter of a recorded key, seen from a token of this generation."""
        if recorded == NO_KEY:
            return "-"
        if recorded == UNKNOWN_KEY:
            return "?"
        party, number = self._key_names[recorded]
        if party == "t":
            return "t"
        return next(letter for letter in "opq" if generation + OFFSETS[letter] == number)

    def successor(self, token: str, key: str, taken: Collection[str]) -> str:
        """The name of what the real `successor_of` makes of a token; a random one is none of `taken`."""
        free = next(letter for letter in RANDOM if identity(token) + letter not in taken)
        if (token, key, free) not in self._children:
            self._children[token, key, free] = self._name_child(token, key, free)
        return self._children[token, key, free]

    def _name_child(self, token: str, key: str, free: str) -> str:
        child = self._exchange(token, key, free)
        for letter in (free, key, key.upper()):
            if letter != "-" and self.fingerprint(identity(token) + letter) == child.fingerprint:
                return identity(token) + letter
        raise AssertionError(f"no name for the successor of {token} under {key}")

    def _make(self, token: str) -> RefreshToken:
        if token.endswith("*"):
            return replace(self.real(identity(token)), key_id=RINGS["*"].current.key_id)
        if len(token) > 1:
            letter = token[-1]
            mark = "*" if letter in "OTPQ" else ""
            key = "-" if letter in RANDOM else letter.lower()
            return self._exchange(parent(token) + mark, key, letter if letter in RANDOM else "a")
        return RefreshToken(
            key_id=RINGS[""].current.key_id,
            sid=SID,
            generation=0,
            nonce=_entropy(token),
            parent=_entropy("elsewhere") if token == STALE else SIGN_IN,
            issued_at=NOW,
            expires_at=EXPIRY,
        )

    def _exchange(self, token: str, key: str, entropy: str) -> RefreshToken:
        return self._successor_of(
            self.real(token),
            RINGS[""],
            key_hash=self.key(key, generation(token)),
            entropy=_entropy(entropy),
            now=NOW,
            expires_at=EXPIRY,
        )


def _entropy(name: str) -> bytes:
    return hashlib.sha256(b"entropy " + name.encode()).digest()[:16]
