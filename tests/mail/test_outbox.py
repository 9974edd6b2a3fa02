"""The outbox is bounded, retries for a while, and reports what it gives up."""

import asyncio
import logging

import pytest

from gatepass.core.event import Event, MailFailed
from gatepass.errors import DeliveryFailed, Overloaded, StoreUnavailable
from gatepass.mail import outbox
from gatepass.mail.outbox import RETRY_DELAYS, Job, Outbox
from gatepass.ports import Message
from gatepass.testing.clock import ManualClock
from tests.support.mail import Postbox

MAIL = Message("ann@example.com", "A subject", "text")


class RecordedOutbox:
    """An outbox with a mailer that keeps its mail, whose waits are recorded and take no time."""

    def __init__(self, max_queue: int = 10) -> None:
        self.box = Postbox()
        self.events: list[Event] = []
        self.waits: list[float] = []
        self.outbox = Outbox(
            self.box, clock=ManualClock(), report=self.events.append, max_queue=max_queue, sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def put(self, message: Message = MAIL) -> None:
        async def job() -> Message:
            return message

        self.outbox.put(job)

    async def run(self) -> None:
        self.outbox.open()
        await self.outbox.drained()
        await self.outbox.close()


async def test_a_failed_mail_is_tried_again_a_little_later() -> None:
    made = RecordedOutbox()
    made.box.failures = [DeliveryFailed("busy"), DeliveryFailed("busy")]
    made.put()
    await made.run()
    assert made.box.messages == [MAIL]
    assert made.waits == list(RETRY_DELAYS[:2])
    assert made.events == []


async def test_a_mail_that_goes_nowhere_is_given_up_and_told_without_its_address() -> None:
    made = RecordedOutbox()
    made.box.failures = [DeliveryFailed("busy") for _ in range(9)]
    made.put()
    await made.run()
    assert made.box.attempts == len(RETRY_DELAYS) + 1
    (event,) = made.events
    assert isinstance(event, MailFailed)
    assert (event.name, event.subject, event.why) == ("sys_mail_failed", "A subject", "busy")
    assert "ann@" not in repr(event)


async def test_a_final_no_is_not_asked_again() -> None:
    made = RecordedOutbox()
    made.box.failures = [DeliveryFailed("no such user", is_final=True)]
    made.put()
    await made.run()
    assert made.box.attempts == 1
    assert len(made.events) == 1


async def test_a_full_outbox_is_overloaded_for_jobs_and_loses_notices_audibly() -> None:
    made = RecordedOutbox(max_queue=2)

    async def job() -> Message | None:
        return MAIL

    for _ in range(2):
        made.outbox.put(job)
    with pytest.raises(Overloaded):
        made.outbox.put(job)
    made.outbox.post(job, subject=MAIL.subject)
    assert [event.name for event in made.events] == ["sys_mail_failed"]
    await made.run()
    assert len(made.box.messages) == 2


async def test_a_job_waits_for_a_store_that_is_ill() -> None:
    made = RecordedOutbox()
    faults = [StoreUnavailable(), StoreUnavailable()]

    async def job() -> Message | None:
        if faults:
            raise faults.pop()
        return MAIL

    made.outbox.put(job)
    await made.run()
    assert made.box.messages == [MAIL]


async def test_an_unexpected_fault_is_logged_and_the_next_mail_goes_out(caplog: pytest.LogCaptureFixture) -> None:
    made = RecordedOutbox()

    async def broken() -> Message | None:
        raise RuntimeError("a defect")

    made.outbox.put(broken)
    made.put()
    with caplog.at_level(logging.ERROR, "gatepass.mail"):
        await made.run()
    assert made.box.messages == [MAIL]
    assert "unexpected error in a mail job" in caplog.text


async def test_closing_sends_what_was_accepted_and_it_can_open_again() -> None:
    made = RecordedOutbox()
    made.outbox.open()
    for _ in range(8):
        made.put()
    await made.outbox.close()
    assert len(made.box.messages) == 8
    made.put()
    await made.run()
    assert len(made.box.messages) == 9


def test_it_opens_on_another_event_loop() -> None:
    made = RecordedOutbox()
    for _ in range(2):
        made.put()
        asyncio.run(made.run())
    assert len(made.box.messages) == 2


class TestDelay:
    """Nothing of a job is done while an answer is on its way: it waits a moment that cannot be foreseen."""

    async def test_a_job_waits_until_it_is_due_and_the_order_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        delays = iter((3000.0, 2000.0, 1000.0))
        monkeypatch.setattr(outbox._random, "uniform", lambda _least, _most: next(delays))
        done: list[int] = []

        def job(number: int) -> Job:
            async def note() -> None:
                done.append(number)

            return note

        box = Outbox(Postbox(), clock=ManualClock(), report=lambda _: None)
        box.open()
        for number in range(3):
            box.put(job(number))
        for _ in range(20):
            await asyncio.sleep(0)
        assert done == []
        await box.drained()
        assert done == [0, 1, 2]
        await box.close()

    async def test_closing_waits_for_no_delay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbox._random, "uniform", lambda _least, _most: 3000.0)
        postbox = Postbox()
        box = Outbox(postbox, clock=ManualClock(), report=lambda _: None)
        box.open()
        box.put(_mail)
        await box.close()
        assert len(postbox.messages) == 1

    def test_no_delay_is_longer_than_people_wait(self) -> None:
        assert 0.1 <= outbox.MAX_DELAY <= 2


async def _mail() -> Message:
    return Message("ann@example.com", "subject", "text")
