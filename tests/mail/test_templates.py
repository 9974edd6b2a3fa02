"""What the mails say of times, for each life that a link may have."""

import pytest

from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.mail import LinkPages, Mail
from tests.support.mail import Postbox, post


@pytest.mark.parametrize(
    ("ttl", "words"),
    [(5 * MINUTE, "less than an hour"), (HOUR, "an hour"), (90 * MINUTE, "an hour"), (DAY, "24 hours")],
)
async def test_a_link_is_said_to_hold_for_no_longer_than_it_does_and_for_some_time(ttl: int, words: str) -> None:
    box = Postbox()
    async with post(mail=Mail(box, pages=LinkPages(verify_ttl=ttl))) as at:
        at.box = box
        await at.browser().register()
        (mail,) = await at.mails()
        assert f"follow this link within {words} and" in mail.text
