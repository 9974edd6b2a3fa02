"""Codes by mail in each store: what must hold among processes rests on its verbs."""

import asyncio
from pathlib import Path

import pytest

from gatepass.core.mail_code import MAX_TRIES
from gatepass.core.policy import Policy
from gatepass.ports import Store
from gatepass.testing import mail_code
from tests.support.browser import EMAIL, Browser
from tests.support.gates import WatchedStore
from tests.support.mail import Post, post
from tests.support.stores import KINDS, empty_store

pytestmark = pytest.mark.slow

POLICY = Policy(mail_codes=True)


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return await empty_store(request.param, tmp_path)


def browser(at: Post, number: int) -> Browser:
    return at.browser(key=bytes([number]) * 32, address=f"198.51.{number}.7")


async def test_of_many_at_once_one_signs_in_guesses_are_bounded_and_a_stranger_is_out(store: Store) -> None:
    async with post(policy=POLICY, store=WatchedStore(store), security_mail=False) as at:
        stranger, ann = browser(at, 1), browser(at, 2)
        assert (await stranger.register()).status == 201
        asked = (await ann.enter("/login/mail-code/request", email=EMAIL)).json()["ticket"]
        code = mail_code((await at.mails())[-1])
        same = {"ticket": asked, "code": code}
        answers = await asyncio.gather(*(browser(at, number).ask("/login/mail-code", **same) for number in range(2, 7)))
        # The others find the code used, or the account changed by it: the first code took the password away.
        assert min(answer.status for answer in answers) == 200
        assert {answer.code for answer in answers if answer.status != 200} <= {"sign-in-expired", "invalid-mail-code"}
        assert len(at.at.named("session_created")) == 2, "the stranger's, and that of the code"
        assert (await stranger.refresh()).code == "session-ended"
        assert (await stranger.login()).code == "invalid-credentials"

        again = (await ann.enter("/login/mail-code/request", email=EMAIL)).json()["ticket"]
        guess = {"ticket": again, "code": "0000-0000"}
        answers = await asyncio.gather(
            *(browser(at, number).ask("/login/mail-code", **guess) for number in range(10, 40))
        )
        assert sum(answer.code == "invalid-mail-code" for answer in answers) <= MAX_TRIES
