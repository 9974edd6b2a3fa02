"""An account with an authenticator app, and another browser."""

import pytest

from tests.support.browser import Browser
from tests.support.factors import App, enrol
from tests.support.gates import GateHarness


@pytest.fixture
async def app(at: GateHarness, ann: Browser) -> App:
    """Ann's account has an authenticator app."""
    return await enrol(at)


@pytest.fixture
def other(at: GateHarness) -> Browser:
    """A browser that is not signed in."""
    return Browser(at.gate.asgi, key=b"o" * 32)
