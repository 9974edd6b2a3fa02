"""A gate with open registration that sends mail, and Ann, who has an account whose address she never verified."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import Policy
from tests.support.browser import Browser
from tests.support.mail import Post, post


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made


@pytest.fixture
async def ann(at: Post) -> Browser:
    browser = at.browser()
    assert (await browser.register()).status == 201
    return browser
