"""A sound configuration in an empty folder, which each test changes."""

import os
from pathlib import Path

import pytest

from tests.support.doctor import URL
from tests.support.gates import SECRET


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, a secret file of its owner's, and no setting of the person who runs this."""
    for name in [name for name in os.environ if name.upper().startswith("GATEPASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "gatepass.secret"
    file.touch(mode=0o600)
    file.write_text(SECRET)
    monkeypatch.setenv("GATEPASS_SECRET_FILE", "gatepass.secret")
    monkeypatch.setenv("GATEPASS_PUBLIC_URL", URL)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings, one by one."""
    return monkeypatch
