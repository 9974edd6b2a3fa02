"""Events as log records: one JSON line each, at the right level, whatever a listener does."""

import json
import logging

import pytest

from gatepass.audit import Reporter, log_event
from gatepass.core import event as events
from gatepass.core.event import Event


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
    report, seen = Reporter(), list[Event]()

    def broken(event: Event) -> None:
        raise ValueError("broken listener")

    report.add(broken)
    report.add(seen.append)
    event = events.PasswordChanged(at=1, account_id="a")
    report(event)
    assert seen == [event]
    assert "broken listener" in caplog.text
