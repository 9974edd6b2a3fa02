"""What the tests of settings do: set them, load them, and read the faults."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.settings import Settings
from tests.support.gates import SECRET

URL = "https://gate.example"


def load(monkeypatch: pytest.MonkeyPatch, **names: str) -> Settings:
    for name, value in {"SECRET": SECRET, "PUBLIC_URL": URL, **names}.items():
        monkeypatch.setenv(f"GATEPASS_{name}", value)
    return Settings.load()


def faults(monkeypatch: pytest.MonkeyPatch, **names: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, **names)
    return str(caught.value)
