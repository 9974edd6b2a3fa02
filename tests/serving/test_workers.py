"""When a server with several workers says that it has started: when each of them accepts requests, and once."""

import os
import selectors
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatepass.serving import workers
from gatepass.serving.place import Place
from gatepass.serving.workers import _run, _Slot, _Supervisor

Step = Callable[[], None]


class System:
    """Processes 101, 102 … that do what a test says, in place of those of the system."""

    def __init__(self, supervisor: _Supervisor) -> None:
        self.supervisor = supervisor
        self.pid = 100
        self.dead: set[int] = set()
        self.steps: Iterator[Step] = iter(())

    def fork(self) -> int:
        self.pid += 1
        return self.pid

    def waitpid(self, pid: int, _options: int) -> tuple[int, int]:
        return (pid, 0) if pid in self.dead else (0, 0)

    def report(self, *pids: int) -> None:
        for pid in pids:
            with pytest.MonkeyPatch.context() as here:
                here.setattr(os, "getpid", lambda pid=pid: pid)
                self.supervisor._report_ready()

    def select(self, _seconds: float) -> list[tuple[Any, int]]:
        """One step of the test; then what a selector says of the pipe of the reports."""
        next(self.steps)()
        with selectors.DefaultSelector() as real:
            real.register(self.supervisor.ready[0], selectors.EVENT_READ)
            return list(real.select(0))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    supervisor = _Supervisor(lambda *_: None, [_Slot()])
    made = System(supervisor)
    monkeypatch.setattr(os, "fork", made.fork)
    monkeypatch.setattr(os, "waitpid", made.waitpid)
    monkeypatch.setattr(workers, "RESTART_INTERVAL", 0.0)
    yield made
    for end in (*supervisor.lifeline, *supervisor.ready):
        os.close(end)


def run(system: System, *steps: Step) -> list[str]:
    """What the supervisor of two workers tells, step for step, until it is stopped."""
    told: list[str] = []

    def numbered() -> Iterator[Step]:
        for number, step in enumerate(steps):
            told.append(str(number))
            yield step
        yield lambda: system.supervisor.signals.append(signal.SIGTERM)

    system.steps = numbered()
    handover = SimpleNamespace(successor=None, is_wanted=False)
    place = SimpleNamespace(lifeline=None, signals=(), handover=handover)
    assert _run(
        system.supervisor,
        cast(selectors.BaseSelector, system),
        count=2,
        started=lambda: told.append("started"),
        lost=lambda _code: told.append("lost"),
        place=cast(Place, place),
    )
    return told


def test_it_has_started_when_all_accept_requests(system: System) -> None:
    told = run(system, lambda: system.report(101), lambda: system.report(102), lambda: None)
    assert told == ["0", "1", "started", "2"]


def test_a_worker_that_was_replaced_before_that_counts_once(system: System) -> None:
    told = run(
        system,
        lambda: system.report(101),
        lambda: system.dead.add(101),
        lambda: system.report(103),
        lambda: system.report(102),
    )
    assert told == ["0", "1", "lost", "2", "3", "started"]


def test_it_is_said_also_where_several_report_at_once_and_never_again(system: System) -> None:
    told = run(
        system,
        lambda: system.report(101),
        lambda: system.dead.add(101),
        lambda: system.report(102, 103),
        lambda: system.dead.add(102),
        lambda: system.report(104),
    )
    assert told == ["0", "1", "lost", "2", "started", "3", "lost", "4"]
