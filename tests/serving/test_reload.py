"""A server that reloads, or that gets its socket from others: one process at a time, as the system sees it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepass.serving import notify
from gatepass.serving.activation import activated_socket
from tests.support.gates import SECRET
from tests.support.process import COMMAND, environment, gatepass
from tools.services.patience import PATIENCE, until
from tools.services.processes import children

pytestmark = pytest.mark.slow

SETTINGS = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
ACTIVATED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "gatepass", "serve"])
"""
"""What systemd does before it starts a program."""


class Server:
    """A `gatepass serve` whose listening socket and service manager are the test's."""

    def __init__(self, folder: Path, command: list[str], listener: socket.socket, settings: dict[str, str]) -> None:
        self.log = folder / "log"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(PATIENCE)
        self.port = listener.getsockname()[1]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment(**settings), "NOTIFY_SOCKET": str(folder / "notify")},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    def told(self) -> str:
        """The next word to the service manager."""
        return self.manager.recv(4096).decode().partition("\n")[0]

    def status(self, path: str = "/readyz") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        try:
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.manager.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, listener: socket.socket) -> Iterator[Server]:
    made = Server(tmp_path, [*COMMAND, "serve", "--fd", str(listener.fileno())], listener, SETTINGS)
    yield made
    made.close()


def test_a_reload_takes_new_settings_keeps_the_process_and_tells_the_service_manager(
    server: Server, tmp_path: Path
) -> None:
    assert server.told() == "READY=1"
    (tmp_path / "gatepass.env").write_text(f"GATEPASS_REVOCATION_FEED_SECRET={SECRET}\n")
    assert server.status("/auth/revocations") == 404
    for _ in range(2):
        server.process.send_signal(signal.SIGHUP)
        assert [server.told(), server.told()] == ["RELOADING=1", "READY=1"]
        assert server.status("/auth/revocations") == 401, "the new setting is there"
        until(lambda: len(children(server.process.pid)) == 1, "the end of the predecessor, unless it is the first")
    assert server.stop() == 0
    assert server.told() == "STOPPING=1"


def test_what_cannot_start_changes_nothing_and_is_said(server: Server, tmp_path: Path) -> None:
    assert server.told() == "READY=1"
    (tmp_path / "gatepass.env").write_text("GATEPASS_LIFE=5m\n")
    server.process.send_signal(signal.SIGHUP)
    assert [server.told(), server.told()] == ["RELOADING=1", "READY=1"]
    assert server.status() == 200
    until(lambda: not children(server.process.pid), "the end of what could not start")
    until(lambda: "the reload failed" in server.log.read_text(), "the sentence, which a thread writes")
    said = server.log.read_text()
    assert said.index("GATEPASS_LIFE is not a setting") < said.index("the reload failed")
    (tmp_path / "gatepass.env").unlink()
    server.process.send_signal(signal.SIGHUP)
    assert [server.told(), server.told()] == ["RELOADING=1", "READY=1"]
    (successor,) = children(server.process.pid)
    os.kill(successor, signal.SIGKILL)
    assert server.process.wait(PATIENCE) == 1, "a server that dies is a service that failed"


def test_a_store_inside_the_process_is_not_reloaded(tmp_path: Path, listener: socket.socket) -> None:
    command = [*COMMAND, "serve", "--fd", str(listener.fileno())]
    server = Server(tmp_path, command, listener, {**SETTINGS, "STORE": "memory://"})
    try:
        assert server.told() == "READY=1"
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "would sign all users out" in server.log.read_text(), "the sentence")
        assert server.status() == 200
        assert server.stop() == 0
    finally:
        server.close()


def test_a_socket_of_systemd_is_taken_and_outlives_the_server(tmp_path: Path, listener: socket.socket) -> None:
    command = [sys.executable, "-c", ACTIVATED, str(listener.fileno())]
    for _ in range(2):
        with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as early:
            early.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            server = Server(tmp_path, command, listener, SETTINGS)
            assert early.recv(4096).startswith(b"HTTP/1.1 200 "), "it waited in the socket"
        assert server.stop() == 0
        server.close()
        (tmp_path / "notify").unlink()


def test_a_descriptor_that_is_no_listening_socket_is_one_sentence(tmp_path: Path) -> None:
    done = gatepass(tmp_path, "serve", "--fd", "99", **SETTINGS)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Cannot listen on descriptor 99" in done.stderr


def test_variables_for_another_process_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert activated_socket() is None
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert activated_socket() == 3
    assert activated_socket() is None, "once"


def test_a_service_manager_that_does_not_listen_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("", "/nonexistent/notify", "@nobody"):
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify.ready()
