"""The stage on which the selected scenarios are played."""

from collections.abc import AsyncIterator

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
