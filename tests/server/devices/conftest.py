"""A gate that binds sessions to devices, and a browser that has one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.device import DeviceBrowser
from tests.support.device_sessions import ALLOW
from tests.support.gates import GateHarness, open_gate


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[GateHarness]:
    async with open_gate(browsers=ALLOW) as made:
        yield made


@pytest.fixture
def browser(harness: GateHarness) -> DeviceBrowser:
    return DeviceBrowser(harness.gate.asgi)
