"""Two OpenID providers that others wrote, each started once for these tests on a free port."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import is_listening
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

HERE = Path(__file__).parent
CLIENT_ID, CLIENT_SECRET = "the-gate", "a secret: of the tests & no other"
USERS = [
    {"sub": "mock-ann", "email": "ann@example.com", "email_verified": True, "name": "Ann"},
    {"sub": "mock-una", "email": "una@example.com", "email_verified": False},
]


@dataclass(frozen=True)
class Foreign:
    """A provider that runs."""

    kind: str
    issuer: str
    subject: str
    """Who can sign in there, with a verified address."""

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `gate.oidc(…)`."""
        return {"issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def start_mock(port: int) -> subprocess.Popen[bytes]:
    """`oidc-provider-mock` of PyPI."""
    users = [word for user in USERS for word in ("--user-claims", json.dumps(user))]
    return _start([sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *users])


def start_certified(port: int, redirect_uris: Sequence[str]) -> subprocess.Popen[bytes]:
    """`oidc-provider` of npm."""
    node = shutil.which("node", path=None) or "node"
    return _start([node, str(HERE / "oidc_provider.mjs"), str(port), *redirect_uris])


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own: the node of a Python environment is a script that starts another process."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def until_up(process: subprocess.Popen[bytes], port: int, what: str) -> None:
    """Return once it takes connections; fail if it ends."""
    until(lambda: is_listening(port) or process.poll() is not None, what)
    assert process.poll() is None, f"{what} ended at once"


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a provider that `start_mock` or `start_certified` started."""
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(PATIENCE)


@pytest.fixture(scope="module")
def mock() -> Iterator[Foreign]:
    """`oidc-provider-mock`."""
    port = free_port()
    process = start_mock(port)
    until_up(process, port, "oidc-provider-mock")
    yield Foreign("mock", f"http://localhost:{port}", "mock-ann")
    stop(process)


@pytest.fixture(scope="module")
def certified() -> Iterator[Foreign]:
    """`oidc-provider`."""
    port = free_port()
    callbacks = [f"https://gate.example/oidc/{name}/callback" for name in ("certified", "strict")]
    process = start_certified(port, callbacks)
    until_up(process, port, "oidc-provider")
    yield Foreign("certified", f"http://localhost:{port}", "ann")
    stop(process)
