"""The real clock, the real randomness, and password hashing in a bounded pool."""

import asyncio
import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher as Argon2

from gatepass.errors import ConfigurationError, Overloaded
from gatepass.hashes import Comparison, Pepper, compare, is_foreign

Result = TypeVar("Result")

FLOOR = (19_456, 2)
"""Least memory (KiB) and passes of Argon2id (OWASP Password Storage, ASVS 5.0 appendix C)."""

NICE = 5
"""How far the hashing threads step back: a waking thread goes before them at once, and beside other programs they still
get a third of what those get. At 19 a busy neighbour would starve every sign-in, and with it whoever waits for the
interpreter that a starved thread holds."""


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
        pepper: Pepper | None = None,
    ) -> None:
        """`memory_cost` in KiB; `queue` is how many may wait. Raises ConfigurationError below the floor."""
        if memory_cost * time_cost < FLOOR[0] * FLOOR[1] or memory_cost < 12 * 1024:
            raise ConfigurationError("Argon2id needs at least memory_cost=19456 (KiB) and time_cost=2.")
        self._argon2 = Argon2(memory_cost=memory_cost, time_cost=time_cost, parallelism=1)
        self._threads = threads or os.cpu_count() or 1
        self._queue = queue
        self._pepper = pepper or Pepper()
        self._slowest = 0.0
        self._open_pool()
        self._dummy = self._argon2.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt. Raises Overloaded when the queue is full."""
        return await self._run(self._pepper.hash, password, self._argon2)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the hashed one. None costs the same work and is always False.

        Hashes that were brought along cost more than ours: once one was seen, every no takes as long as the slowest of
        them, or the time would tell who has not signed in since.
        """
        matches, cost, was_foreign = await self._run(self._compare, password_hash or self._dummy, password)
        self._slowest = max(self._slowest, cost) if was_foreign else self._slowest
        if matches and password_hash is not None:
            return True
        await asyncio.sleep(max(0.0, self._slowest - cost))
        return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        if is_foreign(password_hash) or self._pepper.is_outdated(password_hash):
            return True
        return self._argon2.check_needs_rehash(self._pepper.strip(password_hash))

    def _compare(self, password_hash: str, password: str) -> Comparison:
        return compare(password_hash, password, argon2=self._argon2, pepper=self._pepper, dummy=self._dummy)

    def _open_pool(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gatepass-hash", initializer=_step_back)
        self._room = self._threads + self._queue
        self._owner = os.getpid()

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._owner != os.getpid():  # a fork brings the pool along, but not its threads: it would wait for ever
            self._open_pool()
        if self._room == 0:
            raise Overloaded
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._room += 1


def hash_once(password: str) -> str:
    """One Argon2id at the floor, here and now: to see what it costs on this machine."""
    return Argon2(memory_cost=FLOOR[0], time_cost=FLOOR[1], parallelism=1).hash(password)


def _step_back() -> None:
    """Let every other thread go first: the core that a refresh needs is its at once, and hashing gets all the rest.

    On Linux a thread has a priority of its own; elsewhere it would be the whole process that steps back.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a container may forbid it: then all are equal, as before
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICE))
