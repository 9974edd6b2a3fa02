"""Ann has an authenticator app, and a gate that mails."""

from collections.abc import AsyncIterator

import pytest

from tests.support.browser import Browser
from tests.support.factor_recovery import WAIT
from tests.support.factors import App, enrol
from tests.support.mail import Post, post


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post() as made:
        yield made


@pytest.fixture
async def ann(at: Post) -> Browser:
    """Ann's laptop, signed in before she had an app, when her address had been hers for long."""
    browser = await at.verified()
    at.at.clock.advance(WAIT)
    return browser


@pytest.fixture
async def app(at: Post, ann: Browser) -> App:
    return await enrol(at.at)
