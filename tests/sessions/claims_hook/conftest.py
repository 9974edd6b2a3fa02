"""A gate whose claims hook a test switches, and ann, who is signed in."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.claims import Tokens
from tests.sessions.claims_hook.switch import Switch
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
async def at(switch: Switch) -> AsyncIterator[GateHarness]:
    async with open_gate(tokens=Tokens(claims=switch, claims_timeout=600)) as at:
        yield at


@pytest.fixture
async def ann(at: GateHarness) -> Browser:
    ann = Browser(at.gate.asgi)
    await ann.register()
    return ann
