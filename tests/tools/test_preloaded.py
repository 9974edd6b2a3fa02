"""What is started in a fork is started like any program."""

import functools
import os
import signal
import subprocess
import sys
import threading
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


def test_threads_that_start_the_first_programs_share_the_process_that_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process has forked, another would never see end."""
    asked: list[threading.Thread] = []

    class Forks:
        def __init__(self) -> None:
            asked.append(threading.Thread(target=lambda: found.append(preloaded._forks())))
            if len(asked) == 1:
                asked[0].start()
                asked[0].join(0.3)  # waits for this one, and gets it

        def close(self) -> None: ...

    found: list[object] = []
    monkeypatch.setattr(preloaded, "_Forks", Forks)
    monkeypatch.setattr(preloaded, "_shared_forks", functools.cache(preloaded._shared_forks.__wrapped__))
    found.append(preloaded._forks())
    asked[0].join()
    assert (len(asked), len({id(forks) for forks in found})) == (1, 1)


def test_another_gatepass_on_its_path_is_the_one_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gatepass").mkdir()
    (tmp_path / "gatepass" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-c", "import gatepass; print(gatepass.__file__)"]
    done = preloaded.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{tmp_path}/gatepass/__init__.py\n"


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
