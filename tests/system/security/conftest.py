"""A real `gatepass serve` for each file of tests that need one; the others have the gate of `tests/conftest.py`."""

from collections.abc import Iterator

import pytest

from tests.support.gates import SECRET
from tests.support.process import Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server over SQLite on loopback, as its command starts it."""
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
    with serving(tmp_path_factory.mktemp("served"), settings) as running:
        yield running
