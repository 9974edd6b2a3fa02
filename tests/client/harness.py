"""A real server on a real socket, with a fault proxy before it, and programs that are its clients."""

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gatepass.client import Client, FileStorage
from gatepass.testing import FaultProxy
from tests.support import preloaded
from tests.support.gates import SECRET
from tests.support.process import serving

_numbers = itertools.count()
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "seven green bottles on a wall"


@dataclass(frozen=True, slots=True)
class Harness:
    """The parts of a running server that a test uses."""

    proxy: FaultProxy
    folder: Path

    @property
    def url(self) -> str:
        """The address that clients use."""
        return f"http://localhost:{self.proxy.port}"

    def sign_up(self, name: str) -> FileStorage:
        """Register an account and sign in. Returns its session file. Several may have the same name."""
        name = f"{name}{next(_numbers)}"
        storage = FileStorage(self.folder / f"{name}.json")
        with Client(self.url, storage=storage) as client:
            client.sign_up(f"{name}@example.com", PASSWORD)
        return storage

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """Run `tests.client.subprocess_client` with these arguments, in a process of its own."""
        command = [sys.executable, "-W", "error", "-m", "tests.client.subprocess_client", self.url, *arguments]
        return preloaded.start(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def open_harness(folder: Path, **more: str) -> Iterator[Harness]:
    """Serve until the block ends; `more` are settings."""
    with FaultProxy(0) as proxy:
        public_url = f"http://localhost:{proxy.port}"
        # The proxy connects at once, and may hold a request for as long as a test takes.
        settings = {"SECRET": SECRET, "STORE": "memory://", "PUBLIC_URL": public_url, "SLOW_REQUEST": "1h", **more}
        with serving(folder, settings) as server:
            proxy.upstream_port = server.port
            yield Harness(proxy, folder)


def expire(storage: FileStorage) -> None:
    """Replace the access token in a session file by an expired one."""
    record = storage.load()
    assert record.access_token is not None
    storage.save(replace(record, access_token="ey.of.yesterday", expires_at=1_700_000_000.0))
