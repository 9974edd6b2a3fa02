"""What the tests take for the end of a process."""

import subprocess
import sys

from tools.services.patience import until
from tools.services.processes import lives, state

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
