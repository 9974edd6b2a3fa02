"""What the outbox cannot send is told, whatever the reason, and what it has accepted fits when it opens again."""

import pytest

from gatepass.core.event import MailFailed
from gatepass.errors import StoreUnavailable
from gatepass.mail.outbox import WORKERS
from gatepass.ports import Message
from tests.mail.test_outbox import MAIL, RecordedOutbox


async def test_a_job_whose_store_stays_away_is_told_as_a_mail_that_was_not_sent() -> None:
    made = RecordedOutbox()

    async def job() -> Message | None:
        raise StoreUnavailable

    made.outbox.put(job)
    await made.run()
    (told,) = made.events
    assert isinstance(told, MailFailed)
    assert (told.subject, told.why) == ("a mail", "StoreUnavailable")


async def test_so_is_a_mailer_that_breaks_its_contract(caplog: pytest.LogCaptureFixture) -> None:
    made = RecordedOutbox()
    made.box.failures = [ConnectionError("to ann@example.com")]  # type: ignore[list-item]
    made.put()
    await made.run()
    (told,) = made.events
    assert isinstance(told, MailFailed)
    assert (told.subject, told.why) == (MAIL.subject, "ConnectionError")


async def test_a_full_queue_and_what_was_under_way_fit_when_it_opens_again() -> None:
    made = RecordedOutbox(max_queue=2)
    for _ in range(2):
        made.put()
    waiting = made.outbox._queue._queue[0]  # type: ignore[attr-defined]
    made.outbox._taken = dict.fromkeys(range(WORKERS), waiting)  # an event loop that ended in the middle
    await made.run()
    assert len(made.box.messages) == 2 + WORKERS
