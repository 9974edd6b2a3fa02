"""A gate that sends mail: `at` asks for verified addresses, `open_at` does not."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.policy import Policy
from tests.support.mail import Post, post


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post() as made:
        yield made


@pytest.fixture
async def open_at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open")) as made:
        yield made
