"""The outbox: bounded, patient for a while, and its failures are told and harm nobody."""

import asyncio
import logging

import pytest

from gatepass.core.event import Event, MailFailed
from gatepass.errors import DeliveryFailed, Overloaded, StoreUnavailable
from gatepass.mail import Outbox
from gatepass.mail.outbox import DELAYS
from gatepass.ports import Message
from gatepass.testing.clock import ManualClock
from tests.support.mail import Postbox

MAIL = Message("ann@example.com", "A subject", "text")


class Stage:
    """An outbox whose waits are noted instead of waited."""

    def __init__(self, room: int = 10) -> None:
        self.box = Postbox()
        self.events: list[Event] = []
        self.waits: list[float] = []
        self.outbox = Outbox(self.box, clock=ManualClock(), report=self.events.append, room=room, pause=self.pause)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self) -> None:
        self.outbox.open()
        await self.outbox.drained()
        await self.outbox.close()


async def test_a_failed_mail_is_tried_again_a_little_later() -> None:
    stage = Stage()
    stage.box.failures = [DeliveryFailed("busy"), DeliveryFailed("busy")]
    stage.outbox.post(MAIL)
    await stage.run()
    assert stage.box.messages == [MAIL]
    assert stage.waits == list(DELAYS[:2])
    assert stage.events == []


async def test_a_mail_that_goes_nowhere_is_given_up_and_told_without_its_address() -> None:
    stage = Stage()
    stage.box.failures = [DeliveryFailed("busy") for _ in range(9)]
    stage.outbox.post(MAIL)
    await stage.run()
    assert stage.box.attempts == len(DELAYS) + 1
    (event,) = stage.events
    assert isinstance(event, MailFailed)
    assert (event.name, event.subject, event.why) == ("sys_mail_failed", "A subject", "busy")
    assert "ann@" not in repr(event)


async def test_a_final_no_is_not_asked_again() -> None:
    stage = Stage()
    stage.box.failures = [DeliveryFailed("no such user", is_final=True)]
    stage.outbox.post(MAIL)
    await stage.run()
    assert stage.box.attempts == 1
    assert len(stage.events) == 1


async def test_a_full_outbox_is_overloaded_for_jobs_and_loses_notices_audibly() -> None:
    stage = Stage(room=2)

    async def job() -> Message | None:
        return MAIL

    for _ in range(2):
        stage.outbox.put(job)
    with pytest.raises(Overloaded):
        stage.outbox.put(job)
    stage.outbox.post(MAIL)
    assert [event.name for event in stage.events] == ["sys_mail_failed"]
    await stage.run()
    assert len(stage.box.messages) == 2


async def test_a_job_waits_for_a_store_that_is_ill() -> None:
    stage = Stage()
    faults = [StoreUnavailable(), StoreUnavailable()]

    async def job() -> Message | None:
        if faults:
            raise faults.pop()
        return MAIL

    stage.outbox.put(job)
    await stage.run()
    assert stage.box.messages == [MAIL]


async def test_an_unexpected_fault_is_logged_and_the_next_mail_goes_out(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def broken() -> Message | None:
        raise RuntimeError("a defect")

    stage.outbox.put(broken)
    stage.outbox.post(MAIL)
    with caplog.at_level(logging.ERROR, "gatepass.mail"):
        await stage.run()
    assert stage.box.messages == [MAIL]
    assert "unexpected error in a mail job" in caplog.text


async def test_closing_sends_what_was_accepted_and_it_can_open_again() -> None:
    stage = Stage()
    stage.outbox.open()
    for _ in range(8):
        stage.outbox.post(MAIL)
    await stage.outbox.close()
    assert len(stage.box.messages) == 8
    stage.outbox.post(MAIL)
    await stage.run()
    assert len(stage.box.messages) == 9


def test_it_opens_on_another_event_loop() -> None:
    stage = Stage()
    for _ in range(2):
        stage.outbox.post(MAIL)
        asyncio.run(stage.run())
    assert len(stage.box.messages) == 2
