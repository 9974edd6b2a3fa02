"""A follower of a store that a test scripts."""

import pytest

from tests.runtime.followed import Harness


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    return Harness(monkeypatch)
