"""What a comparison of a password with a hash costs, and how every comparison is made to cost the same.

A store may hold hashes of several kinds: imported ones, and ones from before the parameters were raised. If each
comparison cost what its hash costs, the time of a refusal would tell which kind an account has, and that there is an
account at all. Sleeping until the slowest would have been done does not help: under load the work itself is felt.

So each comparison does the work of one of each kind, in one thread and in one fixed order:

    kinds in the store             one comparison, whatever it is of
    Argon2id 19 MiB, 2 and 3       four passes over 19 MiB: 2 + 2, or 3 + 1
    PBKDF2 260,000 and 600,000     600,001 iterations: 260,000 + 340,001, or 600,000 + 1
    bcrypt 10 and 12               as much as one of cost 12: 10 + 10 + 11, or 12

Kinds of one family differ in `units` alone, of which the rest is filled up; families are added up.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from argon2.low_level import Type, hash_secret_raw

_PASSWORD, _SALT = b"a password of usual length", b"saltsaltsaltsalt"
MAX_SCRYPT_MEMORY = 256 << 20


@dataclass(frozen=True, slots=True, order=True)
class Family:
    """Hashes that differ in `units` alone: passes of Argon2, iterations of PBKDF2, 2^cost of bcrypt, N of scrypt.

    `parameters` are all others: type, KiB and lanes · digest and blocks of output · none · r and p.
    """

    algorithm: Literal["argon2", "bcrypt", "pbkdf2", "scrypt"]
    parameters: tuple[str | int, ...] = ()

    @property
    def doubles(self) -> bool:
        """Whether units are powers of two; else any number."""
        return self.algorithm in ("bcrypt", "scrypt")

    def spend(self, units: int) -> None:
        """Do the work of so many units, and throw the result away."""
        match self.algorithm, self.parameters:
            case "argon2", (str() as kind, int() as memory, int() as lanes):
                kind_of = Type.I if kind == "argon2i" else Type.ID
                hash_secret_raw(_PASSWORD, _SALT, units, memory, lanes, 32, kind_of)
            case "pbkdf2", (str() as digest, int() as blocks):
                length = blocks * hashlib.new(digest).digest_size
                hashlib.pbkdf2_hmac(digest, _PASSWORD, _SALT, units, length)
            case "scrypt", (int() as block, int() as lanes):
                hashlib.scrypt(_PASSWORD, salt=_SALT, n=units, r=block, p=lanes, maxmem=2 * MAX_SCRYPT_MEMORY)
            case _:
                import bcrypt

                bcrypt.hashpw(_PASSWORD, b"$2b$%02d$" % (units.bit_length() - 1) + b"saltsaltsaltsaltsaltsO")


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of one comparison."""

    family: Family
    units: int

    def spend(self) -> None:
        """Do this work, and throw the result away."""
        self.family.spend(self.units)


COMPARISON = None
"""Stands in a sequence of steps for the comparison itself."""
Step = Cost | None


class EqualWork:
    """The kinds that are known, and what is done around a comparison so that all comparisons cost the same."""

    def __init__(self, own: Cost) -> None:
        """`own` is the cost of the hashes that are made today: always one of the kinds."""
        self._own = own
        self._levels: dict[Family, set[int]] = {}
        self.expect(())

    def expect(self, costs: Iterable[Cost]) -> None:
        """Replace the kinds that are known."""
        self._levels = {}
        for cost in (self._own, *costs):
            self.include(cost)

    def include(self, cost: Cost) -> None:
        """Add a kind, if it is not known."""
        self._levels.setdefault(cost.family, set()).add(cost.units)

    def steps(self, cost: Cost | None) -> Sequence[Step]:
        """What one comparison consists of: the same work for each kind that is known, and for None, which is no hash.

        COMPARISON is among them, unless `cost` is None.
        """
        steps: list[Step] = []
        for family in sorted(self._levels):
            levels = self._levels[family]
            if cost is not None and cost.family == family:
                steps.append(COMPARISON)
                units = cost.units
            else:
                units = max(levels)
                steps.append(Cost(family, units))
            steps.extend(Cost(family, rest) for rest in _rest(family, levels, units=units))
        return steps


def _rest(family: Family, levels: set[int], *, units: int) -> Iterator[int]:
    """What is added to `units` in a family of these levels.

    Where units are any number and there are several levels it is never nothing: each call of Argon2 has a cost of its
    own, so there are always two.
    """
    if len(levels) == 1:
        return
    if not family.doubles:
        yield max(levels) + 1 - units
        return
    while units < max(levels):
        yield units
        units *= 2
