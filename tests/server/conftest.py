"""What the tests of the endpoints share: one open gate and one browser that is signed in."""

from collections.abc import AsyncIterator

import pytest

from tests.support.browser import Browser
from tests.support.gates import Bench, bench


@pytest.fixture
async def at() -> AsyncIterator[Bench]:
    """A gate at https://gate.example over a store in memory."""
    async with bench() as made:
        yield made


@pytest.fixture
async def ann(at: Bench) -> Browser:
    """A keyed browser that has just signed up."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    at.store.verbs.clear()
    at.events.clear()
    return browser
