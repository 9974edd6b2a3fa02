"""Servers under measurement: each a process of its own on a free loopback port, and the CPU that it used."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gatepass.system import new_secret
from tools.services.processes import children

_TICK = os.sysconf("SC_CLK_TCK")
_FIXED = Path(__file__).with_name("_fixed_reply.py")


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process, its children and those that it has buried have used."""
    total = 0.0
    for each in (pid, *children(pid)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11 : 15 if each == pid else 13])) / _TICK
    return total


@contextlib.contextmanager
def gatepass(
    folder: Path,
    store: str,
    *,
    sessions: str = "",
    workers: int = 1,
    secret: str = "",
    more: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, int]]:
    """`gatepass serve` with a store: its process id and port. `more` are settings."""
    # Counted, so that counting is part of what is measured, but never refused.
    rates = dict.fromkeys(("REFRESH_RATE", "ADDRESS_REFRESH_RATE", "REGISTRATION_RATE"), "900000000/1h")
    settings = {"SECRET": secret or new_secret(), "STORE": store, **rates, **(more or {})}
    settings["SESSIONS_PER_ACCOUNT"] = "0"  # all browsers of a run may be one person
    if sessions:
        settings["SESSIONS"] = sessions
    arguments = ["-m", "gatepass", "serve", *(["--workers", str(workers)] if workers > 1 else [])]
    with _running(folder, arguments, settings) as running:
        yield running


@contextlib.contextmanager
def fixed_reply(folder: Path, answer: bytes) -> Iterator[tuple[int, int]]:
    """The same HTTP server in front of an application that always gives this one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = [line.decode("latin-1").split(": ", 1) for line in head.split(b"\r\n")[1:]]
    own = [pair for pair in headers if pair[0].lower() not in ("date", "server", "connection")]
    (folder / "answer.json").write_text(json.dumps({"headers": own, "body": body.decode()}))
    with _running(folder, [str(_FIXED), str(folder / "answer.json")], {}) as running:
        yield running


@contextlib.contextmanager
def _running(folder: Path, arguments: list[str], settings: dict[str, str]) -> Iterator[tuple[int, int]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEPASS_")}
    environment = {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}}
    port = free_port()
    with (folder / f"server-{port}.log").open("wb") as log:
        command = [sys.executable, *arguments, "--port", str(port)]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    """A loopback port that is free just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
