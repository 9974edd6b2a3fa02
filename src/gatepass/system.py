"""The real clock, the real randomness, and password hashing in a bounded pool."""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from gatepass.errors import ConfigurationError, Overloaded

Result = TypeVar("Result")

FLOOR = (19_456, 2)
"""Least memory (KiB) and passes of Argon2id (OWASP Password Storage, ASVS 5.0 appendix C)."""


class SystemClock:
    """Wall-clock time."""

    def now(self) -> int:
        """Whole Unix seconds."""
        return int(time.time())


class SystemEntropy:
    """The operating system's generator."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)


class Argon2Hasher:
    """Argon2id in as many threads as there are cores, with a bounded queue before them.

    Hashing costs tens of milliseconds of a core. On the event loop one sign-in would stop every refresh; in
    an unbounded queue a flood of sign-ins would (research: p50 from 1 ms to seconds). Here the excess gets
    Overloaded at once, and everything else keeps its latency.
    """

    def __init__(
        self,
        *,
        memory_cost: int = FLOOR[0],
        time_cost: int = FLOOR[1],
        threads: int | None = None,
        queue: int = 64,
    ) -> None:
        """`memory_cost` in KiB; `queue` is how many may wait. Raises ConfigurationError below the floor."""
        if memory_cost * time_cost < FLOOR[0] * FLOOR[1] or memory_cost < 12 * 1024:
            raise ConfigurationError("Argon2id needs at least memory_cost=19456 (KiB) and time_cost=2.")
        self._argon2 = Argon2(memory_cost=memory_cost, time_cost=time_cost, parallelism=1)
        self._threads = threads or os.cpu_count() or 1
        self._queue = queue
        self._open_pool()
        self._dummy = self._argon2.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt. Raises Overloaded when the queue is full."""
        return await self._run(self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the hashed one. None costs the same work and is always False."""
        matches = await self._run(self._matches, password_hash or self._dummy, password)
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as broken:
            raise RuntimeError("Argon2 could not run") from broken

    def _open_pool(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gatepass-hash")
        self._room = self._threads + self._queue
        self._owner = os.getpid()

    async def _run(self, work: Callable[..., Result], *arguments: str) -> Result:
        if self._owner != os.getpid():  # a fork brings the pool along, but not its threads: it would wait for ever
            self._open_pool()
        if self._room == 0:
            raise Overloaded
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._room += 1
