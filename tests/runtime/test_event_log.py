"""Events as log records: one JSON line each, at the right level, whatever a listener does."""

import asyncio
import io
import json
import logging

import pytest

from gatepass.core import event as events
from gatepass.core.event import Event
from gatepass.runtime.event_log import EventBus, EventLog, log_event


def test_an_event_is_one_line_of_json_with_all_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_event(events.SessionStarted(at=1, address="192.0.2.0/24", account_id="a", sid="s"))
    (record,) = caplog.records
    assert json.loads(record.getMessage()) == {
        "event": "session_created",
        "at": 1,
        "address": "192.0.2.0/24",
        "account_id": "a",
        "sid": "s",
    }


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (events.SessionStarted(at=1, account_id="a", sid="s"), logging.INFO),
        (events.SignInFailed(at=1, account_id=None), logging.WARNING),
        (events.RequestRefused(at=1, path="/x"), logging.WARNING),
        (events.RefreshReuse(at=1, account_id="a", sid="s", generation=1), logging.CRITICAL),
    ],
)
def test_theft_is_louder_than_failure_and_failure_than_routine(
    caplog: pytest.LogCaptureFixture, event: Event, level: int
) -> None:
    with caplog.at_level(logging.DEBUG):
        log_event(event)
    assert caplog.records[0].levelno == level


def test_a_listener_that_fails_is_logged_and_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    report, seen = EventBus(), list[Event]()

    def broken(event: Event) -> None:
        raise ValueError("broken listener")

    report.add(broken)
    report.add(seen.append)
    event = events.PasswordChanged(at=1, account_id="a")
    report(event)
    assert seen == [event]
    assert "broken listener" in caplog.text


ROUTINE = events.PasswordChanged(at=1, account_id="a")
THEFT = events.RefreshReuse(at=1, account_id="a", sid="s", generation=1)


def test_a_log_writes_the_events_of_one_turn_of_the_loop_together_and_a_theft_at_once() -> None:
    stream = Written()
    log = EventLog(stream)

    async def turn() -> None:
        log(ROUTINE)
        log(ROUTINE)
        assert stream.writes == []
        log(THEFT)
        log(ROUTINE)
        assert [text.count("\n") for text in stream.writes] == [3]

    asyncio.run(turn())
    names = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert names == ["authn_password_change"] * 2 + ["authn_token_reuse", "authn_password_change"]


def test_a_log_without_a_loop_writes_at_once() -> None:
    stream = Written()
    EventLog(stream)(ROUTINE)
    assert len(stream.writes) == 1


def test_a_log_that_cannot_be_written_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    stream, report = Written(), EventBus()
    report.add(EventLog(stream))
    stream.close()
    report(THEFT)
    assert "a listener failed on authn_token_reuse" in caplog.text


class Written(io.StringIO):
    """A stream that remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)
