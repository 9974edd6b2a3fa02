"""Requests for mail that are sent all at once: each looks at the counts before any of them is counted."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepass.accounts.email_links import PER_MAILBOX
from gatepass.core.policy import Policy
from tests.support.browser import EMAIL
from tests.support.mail import Post, post


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=Policy(registration="open", mail_codes=True)) as made:
        assert (await made.browser().register()).status == 201
        yield made


@pytest.mark.parametrize("path", ["/password/forgot", "/login/mail-code/request"])
async def test_a_burst_fills_no_mailbox(at: Post, path: str) -> None:
    async def pause(_verb: str) -> None:
        await asyncio.sleep(0)

    at.at.store.before = pause
    answers = await asyncio.gather(*(at.ask(path, {"email": EMAIL}) for _ in range(30)))
    at.at.store.before = None
    assert {answer.status for answer in answers} <= {200, 202, 429}
    assert len(await at.mails()) <= PER_MAILBOX.free


async def test_one_after_the_other_goes_on_as_ever(at: Post) -> None:
    answers = [await at.ask("/password/forgot", {"email": EMAIL}) for _ in range(PER_MAILBOX.free + 1)]
    assert [answer.status for answer in answers] == [202] * PER_MAILBOX.free + [429]
    at.at.clock.advance(1)
    assert (await at.ask("/password/forgot", {"email": EMAIL})).status == 202
    assert len(await at.mails()) == PER_MAILBOX.free + 1
