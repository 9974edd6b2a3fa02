"""What is started in a fork is started like any program."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import preloaded
from tests.support.full import FULL
from tools.services.patience import until
from tools.services.processes import lives, state

pytestmark = pytest.mark.slow

TELLS = """
import os, sys, warnings
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], "HOME" in os.environ, sys.stdin.read(), sys.path[0])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"tests", "pytest"}))
print("to the other", file=sys.stderr)
warnings.warn("old", DeprecationWarning)
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]
STARTS = [preloaded.run, pytest.param(subprocess.run, marks=pytest.mark.full)]
"""The full run shows that the tests below say of a program that is executed what they say of a fork."""


@pytest.mark.parametrize("run", STARTS)
@pytest.mark.parametrize("option", [["-W", "error"], []])
def test_it_has_its_own_words_folder_variables_streams_and_warnings(
    run: Run, option: list[str], tmp_path: Path
) -> None:
    (tmp_path / "tells.py").write_text(TELLS)
    command = [sys.executable, *option, "tells.py", "one", "-2"]
    variables = {"WORD": "said", "PATH": "/bin", **{name: os.environ[name] for name in os.environ if "PYTHON" in name}}
    done = run(command, cwd=tmp_path, env=variables, input="typed", capture_output=True, text=True, check=False)
    assert done.stdout == f"['one', '-2'] {tmp_path} said False typed {tmp_path}\n[]\n"
    assert done.stderr.startswith("to the other\n")
    assert (done.returncode, "DeprecationWarning" in done.stderr) == ((1, True) if option else (0, True))


@pytest.mark.parametrize("run", STARTS)
def test_it_ends_with_a_code_of_its_own(run: Run, tmp_path: Path) -> None:
    codes = {"import sys; sys.exit(7)": 7, "raise ValueError('why')": 1, "import os; os.abort()": -signal.SIGABRT}
    for program, code in codes.items():
        done = run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    done = run([sys.executable, "-m", "gatepass", "nothing"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "No such command" in done.stderr) == (2, True)


def test_signals_reach_it_and_its_end_is_seen() -> None:
    with preloaded.start([sys.executable, "-c", "print(1, flush=True); input()"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        assert lives(process.pid)
        assert isinstance(process, subprocess.Popen)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        assert state(process.pid) == "", "it was waited for"


def test_it_does_not_outlive_the_process_of_the_tests(tmp_path: Path) -> None:
    """Not even if that is killed: all that it leaves is a socket that is closed."""
    words = [sys.executable, "-c", "import time; time.sleep(3_600)"]
    forks = preloaded._Forks()
    request = {"words": words, "folder": str(tmp_path), "variables": {}}
    pids = [forks.start({**request, "is_apart": is_apart}, [0, 1, 2]) for is_apart in (False, True)]
    forks.close()
    until(lambda: not any(map(lives, pids)), "the end of both")


@pytest.mark.skipif(FULL, reason="a full run executes everything")
@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ([sys.executable, "-X", "utf8", "-c", "pass"], {}),
        ([sys.executable, "-c", "pass"], {"PYTHONMALLOC": "malloc"}),
        (["/bin/true"], {}),
    ],
)
def test_what_an_interpreter_reads_when_it_starts_is_read(command: list[str], variables: dict[str, str]) -> None:
    with preloaded.start(command, env={**os.environ, **variables}) as process:
        assert type(process) is subprocess.Popen
