"""A real server on a real socket, with a proxy before it that loses things, and programs that are its clients."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gatepass.client import Client, FileStorage
from gatepass.testing import FaultProxy
from tests.support.gates import SECRET
from tests.support.process import serving

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "seven green bottles on a wall"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test needs of it."""

    proxy: FaultProxy
    folder: Path

    @property
    def url(self) -> str:
        """What clients see."""
        return f"http://localhost:{self.proxy.port}"

    def sign_up(self, name: str) -> FileStorage:
        """A new account, signed in; its session file."""
        storage = FileStorage(self.folder / f"{name}.json")
        with Client(self.url, storage=storage) as client:
            client.sign_up(f"{name}@example.com", PASSWORD)
        return storage

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """Run `tests.client.program` with these arguments, in a process of its own."""
        command = [sys.executable, "-W", "error", "-m", "tests.client.program", self.url, *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Serve until the block ends."""
    with FaultProxy(0) as proxy:
        public_url = f"http://localhost:{proxy.port}"
        # The proxy connects at once, and may hold a request for as long as a test takes.
        settings = {"SECRET": SECRET, "STORE": "memory://", "PUBLIC_URL": public_url, "SLOW_REQUEST": "1h"}
        with serving(folder, settings) as server:
            proxy.upstream_port = server.port
            yield Stage(proxy, folder)


def expire(storage: FileStorage) -> None:
    """Let the access token in a session file be one of yesterday."""
    stored = storage.load()
    assert stored.access_token is not None
    storage.save(replace(stored, access_token="ey.of.yesterday", expires_at=1_700_000_000.0))
