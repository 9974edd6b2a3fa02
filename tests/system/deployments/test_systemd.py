"""The units of `deploy/systemd`: read by systemd where it is, and started as it would start them."""

import configparser
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gatepass.serving.workers import SHUTDOWN_TIMEOUT
from tests.serving.test_reload import SETTINGS
from tests.serving.test_serve import ask
from tests.support.process import environment
from tools.services.patience import PATIENCE

pytestmark = pytest.mark.slow

UNITS = Path(__file__).resolve().parents[3] / "deploy" / "systemd"
PROGRAM = "/opt/gatepass/venv/bin/gatepass"
ACTIVATED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""What systemd does before it starts a program."""


def unit(name: str) -> configparser.ConfigParser:
    """A unit; of a key that is there more than once, the last value."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(UNITS / name)
    return parsed


def test_systemd_reads_the_units_without_a_word(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd here: apt-get install systemd")
    ours = f"{Path(sys.executable).parent}/gatepass"
    for file in UNITS.iterdir():
        (tmp_path / file.name).write_text(file.read_text("utf-8").replace(PROGRAM, ours))
    done = subprocess.run(
        [program, "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "gatepass" in line]
    assert (done.returncode, about_ours) == (0, [])


def test_it_waits_until_the_last_answer_is_given() -> None:
    assert int(unit("gatepass.service")["Service"]["TimeoutStopSec"]) > SHUTDOWN_TIMEOUT


def test_the_service_starts_on_the_socket_of_the_unit_reloads_and_stops(tmp_path: Path) -> None:
    service = unit("gatepass.service")["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == PROGRAM
    reload = shlex.split(service["ExecReload"])
    assert reload == ["/bin/kill", "-HUP", "$MAINPID"]
    path = tmp_path / Path(unit("gatepass.socket")["Socket"]["ListenStream"]).name
    (tmp_path / "gatepass.env").write_text("".join(f"GATEPASS_{name}={value}\n" for name, value in SETTINGS.items()))
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        listener.bind(str(path))
        listener.listen(int(unit("gatepass.socket")["Socket"]["Backlog"]))
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        command = [sys.executable, "-c", ACTIVATED, str(listener.fileno()), sys.executable, "-m", "gatepass"]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=tmp_path,
                env={**environment(), "NOTIFY_SOCKET": str(tmp_path / "notify")},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            assert manager.recv(4096) == b"READY=1"
            assert ask(path, "GET", "/readyz")[0] == 200
            process.send_signal(signal.SIGHUP)
            first, second = manager.recv(4096), manager.recv(4096)
            assert (first.split(b"\n")[0], second) == (b"RELOADING=1", b"READY=1")
            assert ask(path, "GET", "/readyz")[0] == 200
            process.send_signal(signal.SIGTERM)
            assert manager.recv(4096) == b"STOPPING=1"
            assert process.wait(PATIENCE) == 0
            assert path.exists(), "the socket is systemd's"
        finally:
            process.kill()
            process.wait()
