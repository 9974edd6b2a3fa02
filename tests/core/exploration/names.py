"""Tokens and keys by name.

    Token("ab", 5)      unbound: exchanged twice since what all tokens in the world have in common; one letter for each
                        random nonce
    Token("=o", 5)      bound to the owner's key; "=t" to the thief's
    Token("!", …)       an unbound one so old that no store can still know it; all such tokens are alike
    Token("~", …)       a fingerprint in a row that no token in the world has any more

Generations are relative. All bound tokens of one key and generation are alike: the table sees their generation and
binding alone. A token with a star is the same token signed under the new secret. Names and real tokens are two
views of one thing: `real` makes the token with the real `successor_of`, `name_of` goes back by fingerprint.

A request carries the letter of a key: "o" the owner's, "t" the thief's own, "-" none.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import Channel, RefreshToken, first_of, successor_of
from gatepass.core.session import NO_BINDING

OLD, NEW = (hashlib.sha256(name).digest() for name in (b"old secret", b"new secret"))
RINGS = {"": KeyRing([OLD, NEW]), "*": KeyRing([NEW, OLD])}
"""By the mark that the tokens of a server get: before and after the roll-out reached it."""
SID = hashlib.sha256(b"session").digest()[:16]
NOW = 1_800_000_000
EXPIRY = NOW + 86_400
BASE = 1_000
"""Added to relative generations, which may be negative."""
KEYS = {
    "o": BindingKey(hashlib.sha256(b"owner's key").digest()),
    "t": BindingKey(hashlib.sha256(b"thief's key").digest()),
}
BINDINGS = {"-": NO_BINDING} | {letter: key.binding for letter, key in KEYS.items()}
LETTERS = {binding: letter for letter, binding in BINDINGS.items()}
RANDOM = "abcdefgh"
SuccessorOf = Callable[..., RefreshToken]


class Token(NamedTuple):
    """The name of a token."""

    line: str
    generation: int
    mark: str = ""

    @property
    def bound_to(self) -> str:
        """The letter of the key that it is bound to; "-" for none."""
        return self.line[1] if self.line.startswith("=") else "-"

    @property
    def is_bound(self) -> bool:
        return self.line.startswith("=")

    @property
    def identity(self) -> "Token":
        """The name without the mark of the secret that signed it."""
        return self._replace(mark="") if self.mark else self

    @property
    def parent(self) -> "Token":
        """What an unbound token was exchanged for."""
        return Token(self.line[:-1] if self.line not in ("", "!") else "<", self.generation - 1)

    def __str__(self) -> str:
        return f"{self.line}#{self.generation}{self.mark}"


STALE = Token("!", -500)
LOST = Token("~", -500)


def are_related(one: Token, other: Token) -> bool:
    """Whether both may stand on one line."""
    if one.is_bound or other.is_bound:
        return not (one.is_bound and other.is_bound) or one.line == other.line
    return one.line.startswith(other.line) or other.line.startswith(one.line)


class Names:
    """The dictionary between names and real tokens, for one `successor_of` (the real one, unless a mutant is tried)."""

    def __init__(self, rule: SuccessorOf = successor_of) -> None:
        self._successor_of = rule
        self._tokens: dict[Token, RefreshToken] = {}
        self._names: dict[bytes, Token] = {}
        self._children: dict[tuple[Token, str, int, str], Token] = {}

    def real(self, token: Token) -> RefreshToken:
        """The token of this name."""
        if token not in self._tokens:
            made = self._make(token)
            self._tokens[token] = made
            self._names.setdefault(made.fingerprint, token.identity)
        return self._tokens[token]

    def fingerprint(self, token: Token) -> bytes:
        """What a row knows of it."""
        if token == LOST:
            return _hash("lost")
        return self.real(token).fingerprint

    def name_of(self, fingerprint: bytes) -> Token:
        """The name of the token with this fingerprint; LOST if no token in the world has it."""
        return self._names.get(fingerprint, LOST)

    def successor(self, token: Token, letter: str, generation: int, taken: Collection[str]) -> Token:
        """The name of what the real `successor_of` makes of a token; a random one is none of the lines in `taken`."""
        free = next(random for random in RANDOM if token.line + random not in taken)
        asked = (token, letter, generation, free)
        if asked not in self._children:
            self._children[asked] = self._name_child(*asked)
        return self._children[asked]

    def _name_child(self, token: Token, letter: str, generation: int, free: str) -> Token:
        made = self._exchange(token, letter, generation, free)
        if made.binding != NO_BINDING:
            return Token("=" + LETTERS[made.binding], generation)
        child = Token(token.line + free, generation)
        assert self.real(child).fingerprint == made.fingerprint, f"no name for the successor of {token}"
        return child

    def _make(self, token: Token) -> RefreshToken:
        if not token.is_bound and token.line not in ("", "!", "<"):
            return self._exchange(token.parent, "-", token.generation, token.line[-1], token.mark)
        root = first_of(
            SID,
            RINGS[token.mark],
            channel=Channel.HOST,
            binding_key=KEYS.get(token.bound_to),
            nonce=_hash("nonce " + token.line),
            parent=_hash("before " + token.line),
            now=NOW,
            expires_at=EXPIRY,
        )
        if not token.is_bound:
            return replace(root, generation=BASE + token.generation)
        return successor_of(
            root,
            RINGS[token.mark],
            generation=BASE + token.generation,
            binding_key=KEYS[token.bound_to],
            entropy=b"",
            now=NOW,
            expires_at=EXPIRY,
        )

    def _exchange(self, token: Token, letter: str, generation: int, free: str, mark: str = "") -> RefreshToken:
        return self._successor_of(
            self.real(token),
            RINGS[mark],
            generation=BASE + generation,
            binding_key=KEYS.get(letter),
            entropy=_hash("entropy " + free),
            now=NOW,
            expires_at=EXPIRY,
        )


@cache
def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]
