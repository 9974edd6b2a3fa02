"""`gatepass serve` as a process: on a Unix socket behind a proxy, with a log that is not read, with odd settings."""

import http.client
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support import preloaded
from tests.support.gates import SECRET
from tests.support.process import COMMAND, environment, serving, until_listening
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.slow

SETTINGS = {"SECRET": SECRET, "STORE": "memory://"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, target: str, *, body: object = None, forwarded: str = "") -> tuple[int, bytes]:
    connection = UnixConnection(path)
    headers = {"Gatepass-Client": "1", "Content-Type": "application/json", "X-Forwarded-For": forwarded}
    connection.request(method, target, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    return answer.status, raw


def listens(path: Path) -> bool:
    """Whether a Unix socket takes connections: its file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def start(
    folder: Path, *arguments: str, settings: dict[str, str], stderr: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    return preloaded.start(
        [*COMMAND, "serve", *arguments],
        cwd=folder,
        env=environment(**settings),
        stderr=stderr,
        stdout=subprocess.DEVNULL,
    )


def test_behind_a_proxy_on_a_unix_socket_a_guesser_keeps_no_owner_out(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    settings = {**SETTINGS, "PUBLIC_URL": "https://gate.example", "TRUSTED_PROXIES": "unix"}
    server = start(tmp_path, "--uds", "gate.sock", settings=settings)
    try:
        until(lambda: listens(path), "the socket")
        person = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
        assert ask(path, "POST", "/auth/register", body=person, forwarded="198.51.100.9:4001")[0] == 201
        guesses = (
            ask(
                path,
                "POST",
                "/auth/login",
                body={**person, "email": f"{number}@example.com"},
                forwarded=f"203.0.113.7:{number}",
            )[0]
            for number in range(1_000)
        )
        assert 429 in guesses, "sooner than as many more are allowed in the meantime"
        assert ask(path, "POST", "/auth/login", body=person, forwarded="198.51.100.9:4002")[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0
        assert not path.exists()
    finally:
        server.kill()
        server.wait()


def test_a_log_that_nobody_reads_stops_no_request(tmp_path: Path) -> None:
    port = free_port()
    server = start(tmp_path, "--port", str(port), stderr=subprocess.PIPE, settings=SETTINGS)
    try:
        until_listening(server, port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for _ in range(1000):  # each is a line of some 100 bytes: more than a pipe holds
            connection.request("POST", "/auth/login", headers={"Origin": "https://evil.example"})
            connection.getresponse().read()
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
        connection.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"PUBLIC_URL": "http://localhost:8000"},
            "GATEPASS_PUBLIC_URL is http://localhost:8000, and this server listens",
        ),
        ({"PUBLIC_URL": "https://gate.example"}, "a proxy must stand in front"),
    ],
)
def test_what_does_not_fit_is_said_at_the_start(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    with serving(tmp_path, {**SETTINGS, **settings}) as server:
        assert sentence in server.stop(signal.SIGTERM)[1]


def test_what_fits_is_said_nothing_about(tmp_path: Path) -> None:
    with serving(tmp_path, {**SETTINGS, "PUBLIC_URL": "https://gate.example", "TRUSTED_PROXIES": "10.0.0.1"}) as server:
        said = server.stop(signal.SIGTERM)[1]
    assert "Set " not in said
