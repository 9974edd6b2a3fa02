"""A gate that mails codes."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.secret import Secret
from tests.support.browser import EMAIL, PASSWORD
from tests.support.factors import account_of
from tests.support.mail import Post, post
from tests.support.mail_codes import POLICY


@pytest.fixture
async def at() -> AsyncIterator[Post]:
    async with post(policy=POLICY, security_mail=False) as made:
        await made.at.gate.accounts.add(EMAIL, Secret(PASSWORD), email_key=EMAIL)
        await made.at.store.verify_account((await account_of(made.at)).id, now=made.at.clock.now())
        made.at.store.verbs.clear()
        yield made
