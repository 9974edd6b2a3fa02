"""Hashes of passwords that cost next to nothing: most tests begin with a sign-in, which is 20 ms of a core else.

What is about hashes has a hasher with parameters of its own, or asks for `real()` ones. In full all are real.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from argon2 import PasswordHasher as Argon2

from gatepass.accounts.passwords.hashing import Argon2Hasher
from gatepass.accounts.passwords.work import Cost, EqualWork, Family
from tests.support.full import FULL

MEMORY = 64
"""KiB."""
_REAL = Argon2Hasher.__init__


def _begin(self: Argon2Hasher, **options: Any) -> None:
    _REAL(self, **options)
    if not options.keys() & {"memory_cost", "time_cost"}:
        self._argon2 = Argon2(memory_cost=MEMORY, time_cost=1, parallelism=1)
        self._work = EqualWork(Cost(Family("argon2", ("argon2id", MEMORY, 1)), 1))


def install() -> None:
    """Give them to every gate of this process that is made from now on."""
    if not FULL:
        Argon2Hasher.__init__ = _begin  # type: ignore[method-assign]


@contextlib.contextmanager
def real() -> Iterator[None]:
    """Gates that are made in the block have the product's parameters."""
    Argon2Hasher.__init__ = _REAL  # type: ignore[method-assign]
    try:
        yield
    finally:
        install()
