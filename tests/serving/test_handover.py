"""A reload whose successor cannot even be started, as while an environment is being built anew."""

import os
import socket
import sys

import pytest

from gatepass.serving.handover import Handover


class Place:
    """What the process tells of its reload."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def reloading(self) -> None:
        self.told.append("reloading")

    def leave(self) -> None:
        self.told.append("leaving")

    def done(self, failure: str | None) -> None:
        self.told.append(failure or "done")


def test_a_program_that_is_not_there_changes_nothing_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    place = Place()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handover = Handover(listener, place)
        before = sorted(os.listdir("/dev/fd"))
        assert [handover.begin(), handover.begin()] == [None, None]
        assert sorted(os.listdir("/dev/fd")) == before, "no pipe is left"
    assert handover.successor is None
    assert place.told[0] == "reloading", "and the service manager hears of the end, too"
    assert place.told[1].startswith("the reload failed, and this server goes on as it was: ")
    assert "/nowhere/python" in place.told[1]
    assert len(place.told) == 4
