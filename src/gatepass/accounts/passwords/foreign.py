"""Verifies password hashes made by other systems. Never makes one.

    pbkdf2_sha256$1000000$salt$hash   pbkdf2_sha1$…                     Django
    argon2$argon2id$v=19$m=…          bcrypt_sha256$$2b$12$…            Django
    bcrypt$$2b$12$…                   scrypt$16384$salt$8$1$hash        Django
    $2a$ / $2b$ / $2y$ …                                                bcrypt of PHP, Node, Ruby … (extra `bcrypt`)
    scrypt:32768:8:1$salt$hash        pbkdf2:sha256:1000000$salt$hash   Werkzeug
    $argon2id$v=19$m=…                                                  our own, and others with bounded parameters

A hash comes from a file that another system exported, so it is parsed strictly and its cost is bounded: one row with
ten billion iterations could stop every sign-in. The first sign-in replaces it by a hash of our own.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from gatepass._extras import missing_extra
from gatepass.accounts.passwords.work import MAX_SCRYPT_MEMORY, Cost, Family
from gatepass.errors import GatepassError

MAX_ITERATIONS = 3_000_000
"""Of PBKDF2, about two seconds. Django's default, 1.5 million in 6.1, doubles every few years."""
MAX_BCRYPT_COST = 15
MAX_SCRYPT = 1 << 21
"""N · r · p: eight times Werkzeug's default."""
MAX_ARGON2 = {"m": 1 << 18, "t": 16, "p": 16}
"""KiB, passes, lanes. Django's are 100 MiB, 2 and 8."""
MAX_LENGTH = 512
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_ARGON2 = re.compile(
    r"\$(argon2(?:id|i))\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})(?:,keyid=[A-Za-z0-9+/]{6})?"
    r"\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,128}",
    re.ASCII,
)
_PBKDF2_DJANGO = re.compile(
    r"pbkdf2_(sha256|sha1)\$([0-9]{1,20})\$([^$]{1,128})\$([A-Za-z0-9+/]{16,128}={0,2})", re.ASCII
)
_PBKDF2_WERKZEUG = re.compile(
    r"pbkdf2:(sha1|sha256|sha512):([0-9]{1,20})\$([^$]{1,128})\$((?:[0-9a-f]{2}){16,128})", re.ASCII
)
_SCRYPT_DJANGO = re.compile(
    r"scrypt\$([0-9]{1,8})\$([^$]{1,128})\$([0-9]{1,3})\$([0-9]{1,3})\$([A-Za-z0-9+/]{16,128}={0,2})", re.ASCII
)
_SCRYPT_WERKZEUG = re.compile(
    r"scrypt:([0-9]{1,8}):([0-9]{1,3}):([0-9]{1,3})\$([^$]{1,128})\$((?:[0-9a-f]{2}){16,128})", re.ASCII
)

Verify = Callable[[str], bool]


class UnsupportedHash(GatepassError, ValueError):
    """A hash that cannot be verified here. The message says why, and contains nothing of the hash."""


@dataclass(frozen=True, slots=True)
class ForeignHash:
    """A hash made by another system. `cost` is the work of `matches`."""

    cost: Cost
    matches: Verify


def read_foreign(stored: str) -> ForeignHash | None:
    """A parsed foreign hash, or None for one of our own. Raises UnsupportedHash, also if it is too costly."""
    if len(stored) > MAX_LENGTH:
        raise UnsupportedHash("it is too long")
    if _ARGON2.fullmatch(stored):
        _bound_argon2(stored)
        return None
    for pattern, read in _READERS:
        if match := pattern.fullmatch(stored):
            return read(*match.groups())
    raise UnsupportedHash("its format is not known")


def cost_of(stored: str) -> Cost:
    """The work of a comparison with this hash. Raises UnsupportedHash."""
    foreign = read_foreign(stored)
    return _argon2_cost(stored) if foreign is None else foreign.cost


def is_foreign(stored: str) -> bool:
    """Whether a hash was made by another system, so that the next sign-in must replace it."""
    try:
        return read_foreign(stored) is not None
    except UnsupportedHash:
        return False


def _pbkdf2(digest: str, iterations: str, salt: str, expected: bytes) -> ForeignHash:
    if not 1 <= int(iterations) <= MAX_ITERATIONS:
        raise UnsupportedHash(f"it has more than {MAX_ITERATIONS} iterations, or none")

    def matches(password: str) -> bool:
        made = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations), len(expected))
        return hmac.compare_digest(made, expected)

    blocks = -(-len(expected) // hashlib.new(digest).digest_size)
    return ForeignHash(Cost(Family("pbkdf2", (digest, blocks)), int(iterations)), matches)


def _scrypt(cost: str, block: str, lanes: str, salt: str, expected: bytes) -> ForeignHash:
    n, r, p = int(cost), int(block), int(lanes)
    if n < 2 or n & (n - 1) or not (r and p) or n * r * p > MAX_SCRYPT or 128 * n * r > MAX_SCRYPT_MEMORY:
        raise UnsupportedHash("its scrypt parameters are out of bounds")

    def matches(password: str) -> bool:
        made = hashlib.scrypt(
            password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=2 * MAX_SCRYPT_MEMORY, dklen=len(expected)
        )
        return hmac.compare_digest(made, expected)

    return ForeignHash(Cost(Family("scrypt", (r, p)), n), matches)


def _bcrypt(stored: str, *, is_prehashed: bool = False) -> ForeignHash:
    match = _BCRYPT.fullmatch(stored)
    if match is None or not 4 <= int(match[1]) <= MAX_BCRYPT_COST:
        raise UnsupportedHash(f"its bcrypt cost is not 4 to {MAX_BCRYPT_COST}, or it is malformed")
    try:
        import bcrypt
    except ModuleNotFoundError as missing:
        sentence = "bcrypt needs its extra: pip install 'gatepass[bcrypt]'"
        raise missing_extra(missing, "bcrypt", sentence=sentence, kind=UnsupportedHash) from None

    def matches(password: str) -> bool:
        text = password.encode()
        # Django's bcrypt_sha256 hashes the password first; all others use its first 72 bytes, up to a NUL.
        given = hashlib.sha256(text).hexdigest().encode() if is_prehashed else text.split(b"\0")[0][:72]
        return bcrypt.checkpw(given, stored.encode()) and bool(given)  # compared in any case: it costs the same

    return ForeignHash(Cost(Family("bcrypt"), 1 << int(match[1])), matches)


def _django_argon2(stored: str) -> ForeignHash:
    if _ARGON2.fullmatch(stored) is None:
        raise UnsupportedHash("its Argon2 part is malformed")
    _bound_argon2(stored)
    return ForeignHash(_argon2_cost(stored), lambda password: argon2_matches(Argon2(), stored, password))


def argon2_matches(argon2: Argon2, stored: str, password: str) -> bool:
    """Whether the hash is of this password. Uses the parameters in the hash. Raises RuntimeError if Argon2 fails."""
    try:
        return argon2.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    except VerificationError as broken:
        raise RuntimeError("Argon2 could not run") from broken


def _bound_argon2(stored: str) -> None:
    match = _ARGON2.fullmatch(stored)
    given = zip(MAX_ARGON2.items(), match.groups()[1:] if match else (), strict=False)
    if match is None or any(not 1 <= int(text) <= longest for (_, longest), text in given):
        raise UnsupportedHash("its Argon2 parameters are out of bounds")


def _argon2_cost(stored: str) -> Cost:
    match = _ARGON2.fullmatch(stored)
    if match is None:
        raise UnsupportedHash("its Argon2 part is malformed")
    kind, memory, passes, lanes = match.groups()
    return Cost(Family("argon2", (kind, int(memory), int(lanes))), int(passes))


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UnsupportedHash("its hash is not base64") from None


_READERS: tuple[tuple[re.Pattern[str], Callable[..., ForeignHash]], ...] = (
    (_PBKDF2_DJANGO, lambda digest, count, salt, text: _pbkdf2(digest, count, salt, _base64(text))),
    (_PBKDF2_WERKZEUG, lambda digest, count, salt, text: _pbkdf2(digest, count, salt, bytes.fromhex(text))),
    (_SCRYPT_DJANGO, lambda n, salt, r, p, text: _scrypt(n, r, p, salt, _base64(text))),
    (_SCRYPT_WERKZEUG, lambda n, r, p, salt, text: _scrypt(n, r, p, salt, bytes.fromhex(text))),
    (re.compile(r"argon2(\$.+)"), _django_argon2),
    (re.compile(r"bcrypt_sha256\$(\$.+)"), lambda stored: _bcrypt(stored, is_prehashed=True)),
    (re.compile(r"bcrypt\$(\$.+)"), _bcrypt),
    (re.compile(r"(\$2[aby]\$.+)"), _bcrypt),
)
