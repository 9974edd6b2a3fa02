"""A real `gatepass serve` for each file of tests that need one, and gates without a socket for the others."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.browser import Browser
from tests.support.gates import SECRET, GateHarness, open_gate
from tests.support.process import Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server over SQLite on loopback, as its command starts it."""
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
    with serving(tmp_path_factory.mktemp("served"), settings) as running:
        yield running


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate at https://gate.example over a store in memory."""
    async with open_gate() as made:
        yield made


@pytest.fixture
async def ann(at: GateHarness) -> Browser:
    """A keyed browser that has just signed up."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    at.store.verbs.clear()
    at.events.clear()
    return browser
