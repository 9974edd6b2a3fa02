"""What the tests take for the end of a process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.forks import holds_in_child
from tests.support.hookless_fork import hookless_fork
from tools.services.patience import until
from tools.services.processes import at_home_in, lives, state

FIRST_THREAD_ENDS = """
import ctypes, os, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_lives_until_its_last_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        until(lambda: state(process.pid) == "Z", "the end of the first thread")
        assert lives(process.pid)
        process.stdin.close()
        until(lambda: not lives(process.pid), "the end of the process")


def test_processes_are_found_by_the_folder_in_which_they_work(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=tmp_path, stdin=subprocess.PIPE) as process:
        until(lambda: at_home_in(tmp_path) == {process.pid}, "its being found")
        process.kill()
        until(lambda: not at_home_in(tmp_path), "its end")


def test_a_fork_without_hooks_calls_nothing_that_was_registered_and_forgets_none_of_it() -> None:
    called: list[str] = []
    os.register_at_fork(
        before=lambda: called.append("before"),
        after_in_parent=lambda: called.append("parent"),
        after_in_child=lambda: called.append("child"),
    )
    assert holds_in_child(hookless_fork, lambda: not called)
    assert not called
    assert holds_in_child(os.fork, lambda: called == ["before", "child"])
    assert called == ["before", "parent"]
