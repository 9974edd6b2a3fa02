"""A system that gives a server less than it asks for: no process for a worker, no open files."""

import errno
import logging
import os
from collections.abc import Callable

import pytest

from gatepass.errors import ConfigurationError
from gatepass.serving import process
from gatepass.serving.workers import RESTART_INTERVAL, _Slot, _Supervisor


def no_process() -> int:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def never(_report: Callable[[], None], _lifeline: int, _again: bool) -> None:
    raise AssertionError


@pytest.fixture
def supervisor() -> _Supervisor:
    return _Supervisor(never, [_Slot()])


def test_a_worker_that_cannot_be_started_again_is_tried_again_and_the_others_serve_on(
    supervisor: _Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.has_served = True
    monkeypatch.setattr(os, "fork", no_process)
    supervisor.start_missing()
    assert (supervisor.slots[0].pid, "cannot be started" in caplog.text) == (0, True)
    monkeypatch.setattr(os, "fork", lambda: 4711)
    supervisor.start_missing()
    assert supervisor.slots[0].pid == 0, "not at once"
    supervisor.slots[0].started_at -= RESTART_INTERVAL
    supervisor.start_missing()
    assert supervisor.slots[0].pid == 4711


def test_a_first_worker_that_cannot_be_started_is_the_end_with_a_sentence(
    supervisor: _Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", no_process)
    with pytest.raises(ConfigurationError, match="No worker can be started"):
        supervisor.start_missing()


def test_a_limit_of_open_files_that_cannot_be_raised_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """macOS names no hard limit, and refuses what is beyond that of its kernel."""

    class Resource:
        RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

        @staticmethod
        def getrlimit(_which: int) -> tuple[int, int]:
            return 256, -1

        @staticmethod
        def setrlimit(_which: int, _limits: tuple[int, int]) -> None:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(process, "resource", Resource)
    with caplog.at_level(logging.WARNING):
        process._allow_files(100_000)
    assert "only 256 files may be open here" in caplog.text
