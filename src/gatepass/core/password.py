"""Which passwords are accepted (NIST SP 800-63B-4 §3.1.1.2): length, a blocklist, context words, no more.

No composition rules, no expiry, no hints: they make passwords worse. The whole password is compared with the
blocklist, in folded form; a long pass phrase that merely contains a listed word is fine.

Attackers try a listed word together with what people put around it to reach a length, so that is taken off first:

    Password123456!    P@ssw0rd2026!!!    pass2026word!!!!      password
    WelcomeWelcome1    Welcome2026!!!!                          welcome
    xk3!xk3!xk3!xk3!                                            four characters, which is too few

What is taken off must be predictable: runs, repetitions and years count as one character, and at most MAX_PADDING
others may remain, since programs try all of those.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from gatepass.core.policy import Policy
from gatepass.problem_codes import ProblemCode

MAX_PADDING = 4
"""Characters around a listed word that programs try in all combinations."""
MAX_REPEATED = 8
"""A block of at most this length adds nothing by being repeated."""
MAX_BLOCK = 4
"""The same with predictable text around it."""
MIN_RUN = 3
_PADDING = " 0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~§°´"
_LEET = str.maketrans("013457@$!", "oieastasi")
_PREDICTABLE_YEAR = re.compile(r"(?:19|20)[0-9]{2}", re.ASCII)


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
        return PasswordViolation(ProblemCode.PASSWORD_TOO_SHORT, f"Use at least {policy.password_min} characters.")
    if length > policy.password_max:
        return PasswordViolation(ProblemCode.PASSWORD_TOO_LONG, f"Use at most {policy.password_max} characters.")
    folded = fold(password)
    words = {form for word in context for form in (fold(word), _letters(fold(word)))}
    if any(_is_derived(folded, word) for word in words):
        return PasswordViolation(
            ProblemCode.PASSWORD_CONTAINS_CONTEXT, "Do not make it from your address or this service's name."
        )
    if folded in blocklist or _is_monotonous(folded) or _is_padded(folded, blocklist):
        return PasswordViolation(
            ProblemCode.PASSWORD_BLOCKLISTED, "This is among the first passwords that attackers try."
        )
    return None


def fold(text: str) -> str:
    """The form in which passwords and words are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def _is_derived(password: str, word: str) -> bool:
    """Whether a password is a context word itself, repeated, reversed, or with little or predictable text around it."""
    if len(word) < 3:
        return False
    remainder = password.replace(word, "").replace(word[::-1], "")
    if remainder == password:
        return any(_is_derived(core, word) for core, rest in _cores(password) if core != password and _is_small(rest))
    return len(remainder) * 3 <= len(password) or _is_small(remainder)


def _is_padded(password: str, blocklist: Collection[str]) -> bool:
    """Whether a password is a listed word, or a short block over and over, with predictable text around it."""
    for core, rest in _cores(password):
        block = core[: _period(core)]
        if _is_small(rest) and (core in blocklist or block in blocklist or len(block) <= MAX_BLOCK < len(core)):
            return True
    return False


def _cores(password: str) -> Iterator[tuple[str, str]]:
    """What may be the word of a password, and all the rest: as it is, and with marks and digits taken off or read."""
    yield password, ""
    trimmed = password.rstrip(_PADDING)
    tail = password[len(trimmed) :]
    yield _letters(trimmed.translate(_LEET)), tail  # a mark at the start may stand for a letter
    inner = trimmed.lstrip(_PADDING)
    around = trimmed[: len(trimmed) - len(inner)] + tail
    yield _letters(inner.translate(_LEET)), around
    yield _letters(inner), around + "".join(character for character in inner if character in _PADDING)


def _letters(text: str) -> str:
    """A text without digits and marks; spaces stay, since they make a phrase of it."""
    return "".join(character for character in text if character not in _PADDING or character == " ")


def _is_small(rest: str) -> bool:
    """Whether programs that guess try all of what stands around a word."""
    return len(_PREDICTABLE_YEAR.sub("y", _shorten_runs(rest))) <= MAX_PADDING


def _shorten_runs(text: str) -> str:
    """A text in which a run of three or more, up, down or of the same, is one character."""
    shortened, start = "", 0
    while start < len(text):
        end = start + 1
        if end < len(text) and (step := ord(text[end]) - ord(text[start])) in (-1, 0, 1):
            while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
                end += 1
        is_year = _PREDICTABLE_YEAR.match(text, start) is not None
        end = end if end - start >= MIN_RUN and not is_year else start + 1
        shortened += text[start]
        start = end
    return shortened


def _period(text: str) -> int:
    """The length of the shortest block that makes the text if it is repeated; the last one may be cut off."""
    return next((size for size in range(1, len(text)) if text[size:] == text[:-size]), len(text))


def _is_monotonous(password: str) -> bool:
    """One or two characters over and over, a short block likewise, or one run through the alphabet or the digits."""
    if len(set(password)) <= 2 or _period(password) * 2 <= min(len(password), 2 * MAX_REPEATED):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(password)}
    return steps in ({1}, {-1})
