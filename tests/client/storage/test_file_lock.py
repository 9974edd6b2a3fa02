"""The lock between programs: exclusive, bounded, never stolen, gone with its holder."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatepass.client.storage import file_lock
from gatepass.client.storage.file_lock import FileLock, _Handle
from tests.support import preloaded
from tests.support.fake_time import FakeTime
from tests.support.forks import FORKS, KNOWN, Fork, held_elsewhere, holds_in_child
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

HOLDER = """
import sys
from gatepass.client.storage.file_lock import FileLock
with FileLock(sys.argv[1]).held(5) as held:
    print(held, flush=True)
    sys.stdin.readline()
"""
COUNTER = """
import pathlib, sys
from gatepass.client.storage.file_lock import FileLock
lock, number = FileLock(sys.argv[1]), pathlib.Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with lock.held(600) as held:
        assert held
        number.write_text(str(int(number.read_text()) + 1))
"""
PARENT = """
import os, sys
from gatepass.client.storage.file_lock import FileLock
with FileLock(sys.argv[1]).held(5) as held:
    child = os.fork()
    if child == 0:
        os.read(0, 1)  # lives until its input ends
        os._exit(0)
    print(held, child, flush=True)
    os.read(int(sys.argv[2]), 1)
"""


def program(text: str, *arguments: str, **named: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", text, *arguments]
    return preloaded.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **named)


def is_free(path: Path) -> bool:
    with FileLock(path).held(0) as held:
        return held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.json.lock"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The time of those who wait for a lock in this process."""
    fake = FakeTime()
    monkeypatch.setattr("gatepass.client.storage.file_lock.time", fake)
    return fake


def test_threads_take_turns(path: Path) -> None:
    inside, most = 0, 0

    def enter(_number: int) -> bool:
        nonlocal inside, most
        with FileLock(path).held(PATIENCE) as held:
            inside += 1
            most = max(most, inside)
            time.sleep(0.001)
            inside -= 1
        return held

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(enter, range(64)))
    assert most == 1


def test_threads_take_turns_on_one_lock_object_too(path: Path) -> None:
    lock = FileLock(path)
    with lock.held(1) as first, lock.held(0.01) as second:
        assert (first, second) == (True, False)
    with lock.held(0) as again:
        assert again


def test_processes_take_turns(path: Path, tmp_path: Path) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    programs = [program(COUNTER, str(path), str(number), "100") for _ in range(4)]
    assert [one.wait(PATIENCE) for one in programs] == [0] * 4
    for one in programs:
        one.communicate()
    assert number.read_text() == "400"


def test_the_wait_is_bounded_and_the_lock_is_not_stolen(path: Path, clock: FakeTime) -> None:
    with program(HOLDER, str(path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with FileLock(path).held(3) as held:
            assert not held
        assert sum(clock.slept) == pytest.approx(3)
        assert not is_free(path), "a process that waited in vain must not release another's lock"
        holder.communicate("\n")
        assert is_free(path)


def test_a_waiter_gets_it_when_the_holder_lets_go(path: Path) -> None:
    got: list[bool] = []

    def wait() -> None:
        with FileLock(path).held(PATIENCE) as held:
            got.append(held)

    with FileLock(path).held(1):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert got == []
    waiter.join(PATIENCE)
    assert got == [True]


def test_a_killed_holder_holds_nothing(path: Path) -> None:
    with program(HOLDER, str(path)) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert not is_free(path)
        holder.kill()
        holder.wait()
        assert is_free(path)


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(path: Path) -> None:
    quiet, never = os.pipe()
    with program(PARENT, str(path), str(quiet), pass_fds=[quiet]) as parent:
        assert parent.stdout is not None
        held, child = parent.stdout.readline().split()
        assert held == "True"
        assert not is_free(path)
        parent.kill()
        parent.wait()
        os.kill(int(child), 0)  # it lives
        with FileLock(path).held(PATIENCE) as free:  # as soon as the child has had its first turn
            pass
        os.kill(int(child), signal.SIGKILL)
    os.close(quiet)
    os.close(never)
    assert free


def test_a_forked_child_that_leaves_the_block_does_not_let_go_for_its_parent(path: Path) -> None:
    script = """
import os, sys
from gatepass.client.storage.file_lock import FileLock
with FileLock(sys.argv[1]).held(5):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("left", flush=True)
        sys.stdin.readline()
if not child:
    os._exit(0)
"""
    with program(script, str(path)) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "left\n"
        assert not is_free(path)
        parent.communicate("\n")
    assert is_free(path)


def test_a_forked_child_can_take_the_lock_itself(path: Path) -> None:
    script = """
import os, sys
from gatepass.client.storage.file_lock import FileLock
lock = FileLock(sys.argv[1])
with lock.held(5):
    child = os.fork()
    if not child:
        with lock.held(0.05) as held:
            os._exit(1 if held else 0)
    early = os.waitpid(child, 0)[1]
child = os.fork()
if not child:
    with lock.held(1) as held:
        os._exit(0 if held else 1)
sys.exit(early or os.waitpid(child, 0)[1])
"""
    with program(script, str(path)) as parent:
        assert parent.wait(PATIENCE) == 0


def test_a_lock_on_a_file_that_was_deleted_meanwhile_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = _Handle.lock
    deletions = iter([path])

    def lock_late(handle: _Handle) -> bool | None:
        for doomed in deletions:
            doomed.unlink()
        return lock(handle)

    monkeypatch.setattr(_Handle, "lock", lock_late)
    with FileLock(path).held(5) as held:
        assert held
        assert not is_free(path), "other programs must see the lock that is held"


def test_where_no_lock_file_can_be_made_one_goes_on_without(tmp_path: Path, clock: FakeTime) -> None:
    with FileLock(tmp_path / "no" / "such" / "folder" / "lock").held(10) as held:
        assert not held
    assert clock.slept == [], "there is nothing to wait for"


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    path.symlink_to(victim)
    with FileLock(path).held(0.05) as held:
        assert not held
    assert not victim.exists()


def test_nothing_stays_open(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(50):
        with FileLock(path).held(1), FileLock(path).held(0):
            pass
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_can_take_a_lock_though_a_thread_was_opening_another_one_at_the_fork(path: Path, fork: Fork) -> None:
    def takes_another() -> bool:
        with FileLock(path.with_suffix(".other")).held(PATIENCE) as held:
            return held

    opening = file_lock._forking.here
    # A fork that Python knows of waits for that thread.
    with contextlib.nullcontext() if fork is KNOWN else held_elsewhere(opening):
        assert holds_in_child(fork, takes_another)
    assert opening.acquire(blocking=False)
    opening.release()
