"""Hashes passwords with Argon2id in a pool of threads, and applies the pepper.

The pepper (NIST SP 800-63B-4 §3.1.1.2) is a key outside the database: the input of Argon2id is HMAC-SHA256 of the
password under that key. The hash names the key (`keyid` of the PHC format), so peppers can be rotated: the first one
hashes, all verify, and the next sign-in replaces a hash under an older one.

Hashes of other systems: `foreign.py`; why each comparison costs the same: `work.py`.
"""

import asyncio
import base64
import contextlib
import hmac
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher as Argon2

from gatepass.accounts.passwords.foreign import UnsupportedHash, argon2_matches, cost_of, is_foreign, read_foreign
from gatepass.accounts.passwords.work import COMPARISON, Cost, EqualWork, Family, Step
from gatepass.core.base64url import encode
from gatepass.core.keyring import derive, parse_secret
from gatepass.core.secret import Secret, without_frames
from gatepass.errors import ConfigurationError
from gatepass.per_process import PerProcess

Result = TypeVar("Result")


FLOOR = (19_456, 2)
"""Least memory (KiB) and passes of Argon2id (OWASP Password Storage, ASVS 5.0 appendix C)."""


NICE = 5
"""Added to the nice value of the hashing threads. A thread that wakes up then runs before them at once, and they still
get a third of the CPU time beside other programs. At 19 a busy neighbour would starve every sign-in, and with it every
thread that waits for the interpreter lock of a starved one."""


def hashing_threads() -> int:
    """One for each core."""
    return os.cpu_count() or 1


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
    """Argon2id in threads.

    A hash takes tens of milliseconds of a core. On the event loop one sign-in would delay every refresh. Who may hash
    next, and how many may wait, is decided in front of it (`queue.py`).
    """

    def __init__(
        self,
        *,
        memory_cost: int = FLOOR[0],
        time_cost: int = FLOOR[1],
        threads: int | None = None,
        pepper: Pepper | None = None,
    ) -> None:
        """`memory_cost` in KiB. Raises ConfigurationError below the floor."""
        if memory_cost * time_cost < FLOOR[0] * FLOOR[1] or memory_cost < 12 * 1024:
            raise ConfigurationError("Argon2id needs at least memory_cost=19456 (KiB) and time_cost=2.")
        self._argon2 = Argon2(memory_cost=memory_cost, time_cost=time_cost, parallelism=1)
        self._threads = threads or hashing_threads()
        self._pepper = pepper or Pepper()
        self._work = EqualWork(Cost(Family("argon2", ("argon2id", memory_cost, 1)), time_cost))
        self._pools = PerProcess(self._new_pool)

    async def hash(self, password: str) -> str:
        """As in ports.PasswordHasher."""
        secret = Secret(password)
        del password  # crash reports show local variables
        return await self._run(self._hash, secret)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """As in ports.PasswordHasher. A hash of a kind that was not expected is expected from now on."""
        secret = Secret(password)
        del password
        cost = None if password_hash is None else self._cost_of(password_hash)
        if cost is not None:
            self._work.include(cost)
        return await self._run(self._compare, password_hash or "", secret, self._work.steps(cost))

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

    def expect(self, hashes: Iterable[str]) -> None:
        """As in ports.PasswordHasher."""
        self._work.expect(cost for each in hashes if (cost := self._cost_of(each)) is not None)

    @staticmethod
    def _cost_of(stored: str) -> Cost | None:
        """The work of a comparison; None for what is no hash, or none that can be compared here."""
        try:
            return cost_of(stored)
        except UnsupportedHash:
            return None

    def _compare(self, stored: str, password: Secret, steps: Sequence[Step]) -> bool:
        """Do all the steps, in the calling thread. Returns how the comparison among them ended."""
        matches = False
        for step in steps:
            if step is COMPARISON:
                matches = self._matches_quietly(stored, password)
            else:
                step.spend()
        return matches

    def _matches_quietly(self, stored: str, password: Secret) -> bool:
        try:
            return self._matches(stored, password.reveal())
        except Exception as fault:
            without_frames(fault)
            raise

    def _matches(self, stored: str, password: str) -> bool:
        foreign = read_foreign(stored)
        if foreign is not None:
            return foreign.matches(password)
        opened = self._pepper.open(stored, password)
        if opened is None:  # its pepper is gone: nothing matches, for the same work
            cost_of(stored).spend()
            return False
        return argon2_matches(self._argon2, *opened)

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="gatepass-hash", initializer=_lower_priority)

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pools.here, work, *arguments)
