"""Which passwords are accepted (NIST SP 800-63B-4 §3.1.1.2): length, a blocklist, context words, no more.

No composition rules, no expiry, no hints: they make passwords worse. The whole password is compared with the
blocklist, in folded form; a long pass phrase that merely contains a listed word is fine.
"""

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from gatepass.core.policy import Policy


@dataclass(frozen=True, slots=True)
class PasswordViolation:
    """Why a password is refused: a stable code and a sentence that never quotes it."""

    code: str
    detail: str


def normalise(password: str) -> str:
    """NFC and nothing else: no trimming, no case folding (NIST SP 800-63B-4 §3.1.1.2, decision 4)."""
    return unicodedata.normalize("NFC", password)


def is_overlong(password: str, policy: Policy) -> bool:
    """Whether hashing must not even start: without an upper bound a sign-in could cost any amount of work."""
    return len(password) > policy.password_max


def find_violation(
    password: str, policy: Policy, *, blocklist: Collection[str], context: Iterable[str]
) -> PasswordViolation | None:
    """What a new password violates, or None.

    `blocklist` has folded entries; `context` are words an attacker would try first for this very account:
    e-mail address, its local part, the service's name.
    """
    length = len(password)
    if length < policy.password_min:
        return PasswordViolation("password-too-short", f"Use at least {policy.password_min} characters.")
    if length > policy.password_max:
        return PasswordViolation("password-too-long", f"Use at most {policy.password_max} characters.")
    folded = fold(password)
    if folded in blocklist or _is_monotonous(folded):
        return PasswordViolation("password-blocklisted", "This is among the first passwords that attackers try.")
    if any(_is_derived(folded, fold(word)) for word in context if word):
        return PasswordViolation(
            "password-contains-context", "Do not make it from your address or this service's name."
        )
    return None


def fold(text: str) -> str:
    """The form in which passwords and words are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def _is_derived(password: str, word: str) -> bool:
    """Whether a password is a context word itself, repeated, reversed, or with a few characters around it."""
    if len(word) < 3:
        return False
    remainder = password.replace(word, "").replace(word[::-1], "")
    return len(remainder) * 3 <= len(password) and remainder != password


def _is_monotonous(password: str) -> bool:
    """One or two characters over and over, or one run through the alphabet or the digits."""
    if len(set(password)) <= 2:
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(password)}
    return steps in ({1}, {-1})
