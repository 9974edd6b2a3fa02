"""A gate that takes passkeys."""

from collections.abc import AsyncIterator

import pytest

from tests.support.gates import GateHarness, open_gate
from tests.support.passkeys import OPTIONS, POLICY


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate(passkeys=OPTIONS, policy=POLICY) as made:
        yield made
