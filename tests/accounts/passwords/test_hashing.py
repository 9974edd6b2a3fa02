"""The real clock, randomness and Argon2id in a bounded pool."""

import os
import sys
import threading
import time

import pytest
from argon2 import PasswordHasher

from gatepass.accounts.passwords.hashing import NICE, Argon2Hasher
from gatepass.errors import ConfigurationError
from gatepass.system import SystemClock, SystemEntropy


def test_the_clock_tells_whole_unix_seconds() -> None:
    assert isinstance(SystemClock().now(), int)
    assert int(time.time()) <= SystemClock().now() <= time.time()


def test_randomness_does_not_repeat() -> None:
    assert len({SystemEntropy().token_bytes(16) for _ in range(100)}) == 100
    assert len(SystemEntropy().token_bytes(7)) == 7


pytestmark = pytest.mark.usefixtures("real_hashes")


@pytest.fixture(scope="module")
def hasher(real_hashes: None) -> Argon2Hasher:
    del real_hashes
    return Argon2Hasher(threads=1)


async def test_a_password_matches_its_own_hash_alone(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash("correct")
    assert await hasher.verify(stored, "correct")
    assert not await hasher.verify(stored, "Correct")
    assert not await hasher.verify("not a hash", "correct")


async def test_nobodys_password_is_never_right(hasher: Argon2Hasher) -> None:
    assert not await hasher.verify(None, "")
    assert not await hasher.verify(None, "anything")


async def test_hashing_leaves_the_event_loop_free(hasher: Argon2Hasher) -> None:
    seen = []
    real = hasher._argon2.hash

    def noting(password: str) -> str:
        seen.append(threading.current_thread())
        return real(password)

    hashed = await hasher._run(noting, "x")
    assert hashed.startswith("$argon2id$")
    assert seen != [threading.main_thread()]


@pytest.mark.parametrize(("memory", "passes"), [(19_455, 2), (8_192, 1), (8_192, 100), (19_456, 1)])
def test_settings_below_the_floor_are_refused(memory: int, passes: int) -> None:
    with pytest.raises(ConfigurationError, match="memory_cost"):
        Argon2Hasher(memory_cost=memory, time_cost=passes)


async def test_a_hash_of_other_parameters_is_outdated(hasher: Argon2Hasher) -> None:
    weaker = PasswordHasher(memory_cost=12_288, time_cost=3, parallelism=1).hash("x")
    assert hasher.is_outdated(weaker)
    assert await hasher.verify(weaker, "x")
    assert not hasher.is_outdated(await hasher.hash("x"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_hashing_steps_back_behind_everything_else_in_the_process(hasher: Argon2Hasher) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await hasher._run(priority) == min(19, priority() + NICE)


async def test_where_priorities_are_forbidden_hashing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbidden)
    assert await Argon2Hasher(threads=1).hash("x")
