"""What the browser tests start ends with them, also when they are killed (`engines/leash.py`)."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.browser.engines.leash import Leashed
from tools.services.patience import until
from tools.services.processes import lives

pytestmark = pytest.mark.slow

OWNER = """
import sys
from tests.system.browser.engines.leash import Leashed
Leashed(["sh", "-c", "sleep 3600 & echo $! $$ > $0; wait", sys.argv[1]])
print("started", flush=True)
sys.stdin.read()
"""


def test_a_program_and_what_it_has_started_end_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    pipe = subprocess.PIPE
    owner = subprocess.Popen([sys.executable, "-c", OWNER, file], stdin=pipe, stdout=pipe)
    until(lambda: file.exists() and file.read_text().endswith("\n"), "the program")
    started = [int(pid) for pid in file.read_text().split()]
    assert all(map(lives, started))
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    until(lambda: not any(map(lives, started)), "the end of the program")


def test_a_program_that_ends_by_itself_is_told_so() -> None:
    program = Leashed(["true"])
    assert program.wait()
    assert program.has_ended
    program.end()
