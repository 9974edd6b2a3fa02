"""The stage on which the selected scenarios are played: before the other tests of this folder, which stop its loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.system.faults.scenario import SCENARIOS, Stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Plays what is selected, and no more."""
    names = [item.name for item in request.session.items if item.name in SCENARIOS]
    stage = Stage({name: SCENARIOS[name][1] for name in names}, tmp_path_factory.mktemp("faults"))
    try:
        yield stage
    finally:
        await stage.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the other tests of this folder behind everything."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent == here and item.name not in SCENARIOS)
