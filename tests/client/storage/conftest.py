"""Where a test keeps a session: in a file that is not there yet, or in each storage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.keyring import KeyringStorage
from tests.client.storage.records import Entries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "app" / "session.json"


@pytest.fixture(params=["memory", "file", "keyring"])
def storage(request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    makers: dict[str, Callable[[], Storage]] = {
        "memory": MemoryStorage,
        "file": lambda: FileStorage(path),
        "keyring": lambda: KeyringStorage("https://api.example.com", backend=Entries()),
    }
    return makers[request.param]()
