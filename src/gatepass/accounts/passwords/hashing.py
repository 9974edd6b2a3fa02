"""Hashes passwords with Argon2id in a bounded pool of threads, and applies the pepper.

The pepper (NIST SP 800-63B-4 §3.1.1.2) is a key outside the database: the input of Argon2id is HMAC-SHA256 of the
password under that key. The hash names the key (`keyid` of the PHC format), so peppers can be rotated: the first one
hashes, all verify, and the next sign-in replaces a hash under an older one. Hashes of other systems: `foreign.py`.
"""

import asyncio
import base64
import contextlib
import hmac
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher as Argon2

from gatepass.accounts.passwords.foreign import UnsupportedHash, argon2_matches, is_foreign, read_foreign
from gatepass.core.base64url import encode
from gatepass.core.keyring import derive, parse_secret
from gatepass.core.secret import Secret, without_frames
from gatepass.errors import ConfigurationError, Overloaded

Result = TypeVar("Result")


FLOOR = (19_456, 2)
"""Least memory (KiB) and passes of Argon2id (OWASP Password Storage, ASVS 5.0 appendix C)."""


NICE = 5
"""Added to the nice value of the hashing threads. A thread that wakes up then runs before them at once, and they still
get a third of the CPU time beside other programs. At 19 a busy neighbour would starve every sign-in, and with it every
thread that waits for the interpreter lock of a starved one."""


def hash_once(password: str) -> str:
    """An Argon2id hash at the floor, computed in this thread: to measure its time on this machine."""
    return Argon2(memory_cost=FLOOR[0], time_cost=FLOOR[1], parallelism=1).hash(password)


def _lower_priority() -> None:
    """Let every other thread run first: a refresh gets a core at once, and hashing gets what is left.

    Linux only, where a thread has a priority of its own; elsewhere the call would affect the whole process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a container may forbid it; then all threads have equal priority
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICE))


_KEYID = re.compile(r"(\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+),keyid=([A-Za-z0-9+/]{6})(\$.+)", re.ASCII)


class Comparison(NamedTuple):
    """The result of a comparison. `cost` is CPU seconds; `is_foreign` whether another system made the hash."""

    matches: bool
    cost: float
    is_foreign: bool


def compare(stored: str, password: str, *, argon2: Argon2, pepper: "Pepper", dummy: str) -> Comparison:
    """Compare in the calling thread. A hash that cannot be verified costs as much as `dummy` and does not match."""
    started = time.thread_time()
    try:
        foreign = read_foreign(stored)
    except UnsupportedHash:
        argon2_matches(argon2, dummy, password)
        return Comparison(False, time.thread_time() - started, False)
    if foreign is not None:
        return Comparison(foreign.matches(password), time.thread_time() - started, True)
    opened = pepper.open(stored, password)
    matches = argon2_matches(argon2, *(opened or (dummy, password))) and opened is not None
    return Comparison(matches, time.thread_time() - started, False)


class Pepper:
    """Secret keys that are mixed into passwords, newest first; without any, passwords are hashed as they are."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        """`secrets` are made by `gatepass secret`, as those for tokens. Raises ConfigurationError."""
        keys = [parse_secret(text) for text in secrets]
        self._keys = {_keyid(key): derive(key, "pepper") for key in keys}
        if len(self._keys) != len(keys):
            raise ConfigurationError("two peppers share an id; replace the newer one: gatepass secret")
        self._newest = next(iter(self._keys), None)

    def __repr__(self) -> str:
        return f"Pepper({len(self._keys)} keys)"

    def hash(self, password: str, argon2: Argon2) -> str:
        """A PHC string under the newest key."""
        if self._newest is None:
            return argon2.hash(password)
        head, _, tail = argon2.hash(_mix(self._keys[self._newest], password)).partition("$v=19$")
        parameters, salt, digest = tail.split("$")
        return f"{head}$v=19${parameters},keyid={self._newest}${salt}${digest}"

    def open(self, stored: str, password: str) -> tuple[str, str] | None:
        """Hash and input for Argon2 to compare; None for a hash under an unknown key."""
        match = _KEYID.fullmatch(stored)
        if match is None:
            return stored, password
        key = self._keys.get(match[2])
        return None if key is None else (match[1] + match[3], _mix(key, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was not made under the newest key."""
        match = _KEYID.fullmatch(stored)
        return (match[2] if match else None) != self._newest

    @staticmethod
    def strip(stored: str) -> str:
        """A hash without its `keyid`, as Argon2 reads it."""
        match = _KEYID.fullmatch(stored)
        return match[1] + match[3] if match else stored


def _keyid(key: bytes) -> str:
    """Four bytes in the PHC format: base64 without padding, six characters."""
    return base64.b64encode(derive(key, "pepper id", length=4)).decode("ascii").rstrip("=")


def _mix(key: bytes, password: str) -> str:
    return encode(hmac.digest(key, password.encode(), "sha256"))


class Argon2Hasher:
    """Argon2id in one thread per core, with a bounded queue in front.

    A hash takes tens of milliseconds of a core. On the event loop one sign-in would delay every refresh, and in an
    unbounded queue a flood of sign-ins would (measured: median latency from 1 ms to seconds). Here the excess gets
    Overloaded at once, and all other requests keep their latency.
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
        """`memory_cost` in KiB; at most `queue` calls may wait. Raises ConfigurationError below the floor."""
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
        """As in ports.PasswordHasher. Raises Overloaded."""
        secret = Secret(password)
        del password  # crash reports show local variables
        return await self._run(self._hash, secret)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """As in ports.PasswordHasher. Raises Overloaded.

        Foreign hashes cost more than our own. Once one was seen, every False takes as long as the slowest of them, or
        the time would reveal which imported accounts have not been used yet.
        """
        secret = Secret(password)
        del password
        matches, cost, was_foreign = await self._run(self._compare, password_hash or self._dummy, secret)
        self._slowest = max(self._slowest, cost) if was_foreign else self._slowest
        if matches and password_hash is not None:
            return True
        await asyncio.sleep(max(0.0, self._slowest - cost))
        return False

    def is_outdated(self, password_hash: str) -> bool:
        """As in ports.PasswordHasher: True also for a foreign hash and for one under an older pepper."""
        if is_foreign(password_hash) or self._pepper.is_outdated(password_hash):
            return True
        return self._argon2.check_needs_rehash(self._pepper.strip(password_hash))

    def _hash(self, password: Secret) -> str:
        try:
            return self._pepper.hash(password.reveal(), self._argon2)
        except Exception as fault:  # out of memory, say
            without_frames(fault)
            raise

    def _compare(self, password_hash: str, password: Secret) -> Comparison:
        try:
            return compare(
                password_hash, password.reveal(), argon2=self._argon2, pepper=self._pepper, dummy=self._dummy
            )
        except Exception as fault:
            without_frames(fault)
            raise

    def _open_pool(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gatepass-hash", initializer=_lower_priority)
        self._room = self._threads + self._queue
        self._owner = os.getpid()

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._owner != os.getpid():  # a forked process has the pool, but not its threads: it would wait for ever
            self._open_pool()
        if self._room == 0:
            raise Overloaded
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._room += 1
