"""One real server with a fault proxy before it for each module of tests; each test signs up its own account."""

from collections.abc import Iterator

import pytest

from gatepass.client.layers import retry
from tests.client.harness import Harness, open_harness


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    with open_harness(tmp_path_factory.mktemp("real")) as running:
        yield running


@pytest.fixture(autouse=True)
def own_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests before have tried again is not taken from the attempts of this one: a process has one budget."""
    monkeypatch.setattr(retry, "SHARED", retry.Budget())
