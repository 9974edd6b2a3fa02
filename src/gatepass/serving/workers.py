"""Several server processes on one listening socket, and a supervisor that keeps their number.

The socket is bound once and inherited. With SO_REUSEPORT each process would have a queue of its own, and connections
that wait in the queue of a process that dies are reset; in a common queue the next process accepts them. The kernel
distributes less evenly that way, which matters little for keep-alive connections.

The supervisor forks before it has any thread or event loop, opens no store and serves no requests, so no request can
break it. A worker that ends is replaced. All workers hold the reading end of a pipe, the lifeline, to which nothing is
ever written. It closes when the supervisor stops or dies, and then the workers stop too, including one that was just
starting and would have missed a signal. A reload replaces the supervisor with its workers (`handover.py`).
"""

import contextlib
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from gatepass.errors import ConfigurationError, GatepassError
from gatepass.serving.place import Place
from gatepass.serving.signals import signals_into

logger = logging.getLogger("gatepass.server")

SHUTDOWN_TIMEOUT = 15.0
"""Seconds for workers to stop: more than a server needs for running requests and for closing its store."""
RESTART_INTERVAL = 1.0
"""Seconds between two starts of one worker: a worker that dies at once must not fill the log and use up a core."""
REPORT_BYTES = 8
"""A report is the id of a process: one that has ended since must not count with its successor."""
Work = Callable[[Callable[[], None], int, bool], None]
"""Serves until SIGTERM or until the lifeline, its second argument, closes. It must call the first argument when
requests are accepted. The third says whether a worker has accepted requests before: this one must not give up then,
since the listening socket is open and requests wait in it."""


@dataclass(slots=True)
class _Slot:
    """One worker, and its successors."""

    pid: int = 0
    started_at: float = -RESTART_INTERVAL
    accepts: bool = False
    """Whether this worker has reported that it accepts requests."""


@dataclass(slots=True)
class _Supervisor:
    work: Work
    slots: list[_Slot]
    lifeline: tuple[int, int] = field(default_factory=os.pipe)
    ready: tuple[int, int] = field(default_factory=os.pipe)
    signals: list[int] = field(default_factory=list)
    is_leaving: bool = False
    """A successor takes over."""
    has_served: bool = False
    has_parent: bool = True
    """The lifeline of a successor is open."""

    def must_stop(self, *, reload: Sequence[int]) -> bool:
        """Whether a signal asks for it, the predecessor is gone, or a successor takes over."""
        return self.is_leaving or not self.has_parent or any(number not in reload for number in self.signals)

    def start_missing(self) -> None:
        for slot in self.slots:
            if slot.pid == 0 and time.monotonic() - slot.started_at >= RESTART_INTERVAL:
                slot.started_at = time.monotonic()
                slot.pid = self._fork_or_wait()

    def reap(self) -> list[int]:
        """Collect the workers that have ended. Returns their exit codes."""
        codes = []
        for slot in self.slots:
            if slot.pid:
                pid, status = os.waitpid(slot.pid, os.WNOHANG)
                if pid:
                    slot.pid, slot.accepts = 0, False
                    codes.append(os.waitstatus_to_exitcode(status))
        return codes

    def signal_all(self, number: int) -> None:
        for slot in self.slots:
            if slot.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, number)

    def hear(self, reports: bytes) -> None:
        """Note which workers accept requests."""
        self.has_served = True
        pids = {int.from_bytes(reports[start : start + REPORT_BYTES]) for start in range(0, len(reports), REPORT_BYTES)}
        for slot in self.slots:
            slot.accepts = slot.accepts or slot.pid in pids

    def is_complete(self, count: int) -> bool:
        """Whether `count` workers accept requests."""
        return sum(slot.accepts for slot in self.slots) >= count

    @property
    def has_no_workers(self) -> bool:
        return not any(slot.pid for slot in self.slots)

    def leave(self) -> None:
        """Stop, since a successor takes over."""
        self.is_leaving = True

    def close_lifeline(self) -> None:
        os.close(self.lifeline[1])

    def _report_ready(self) -> None:
        os.write(self.ready[1], os.getpid().to_bytes(REPORT_BYTES))

    def _fork_or_wait(self) -> int:
        """The process, or 0 if the system has none for us now. Raises ConfigurationError if it is the first."""
        try:
            return self._fork()
        except OSError as fault:
            if not self.has_served:
                raise ConfigurationError(f"No worker can be started ({fault.strerror}).") from None
            logger.error("a worker cannot be started, and is tried again: %s", fault)
            return 0

    def _fork(self) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        return os.fork() or self._run_worker()

    def _run_worker(self) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # Ctrl-C reaches the whole process group; the supervisor stops the workers, once.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            self.close_lifeline()
            self.work(self._report_ready, self.lifeline[0], self.has_served)
            code = 0
        except GatepassError as fault:
            print(fault, file=sys.stderr)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # the frames below belong to the supervisor


def supervise(
    work: Work, *, count: int, started: Callable[[], None], lost: Callable[[int], None], place: Place
) -> bool:
    """Keep `count` workers running until SIGINT or SIGTERM. Calls `started` once, when all accept requests.

    `lost` is called with the exit code of each worker that ended by itself. The first worker starts alone: if it cannot
    accept requests, it has printed why, once, and this returns False. Also returns when a successor takes over, and in
    a successor at the end of the lifeline. Raises ConfigurationError if the system cannot fork.
    """
    if not hasattr(os, "fork"):
        raise ConfigurationError(
            "--workers needs a system with fork(). Run one process, or several on different ports."
        )
    supervisor = _Supervisor(work, [_Slot()])
    numbers = (signal.SIGINT, signal.SIGTERM, *place.signals)
    if place.lifeline is not None:
        numbers = (signal.SIGTERM,)
    with (
        signals_into(supervisor.signals, numbers) as woken,
        selectors.DefaultSelector() as selector,
        place.leaving_by(supervisor.leave),
    ):
        for descriptor in filter(None, (woken, supervisor.ready[0], place.lifeline)):
            selector.register(descriptor, selectors.EVENT_READ)
        try:
            return _run(supervisor, selector, count=count, started=started, lost=lost, place=place)
        finally:
            place.close_listener()
            if not supervisor.is_leaving:
                place.stopping()
            _stop(supervisor, selector, place)


def _run(
    supervisor: _Supervisor,
    selector: selectors.BaseSelector,
    *,
    count: int,
    started: Callable[[], None],
    lost: Callable[[int], None],
    place: Place,
) -> bool:
    has_started = False
    while True:
        supervisor.start_missing()
        _wait(selector, supervisor, place, seconds=RESTART_INTERVAL)
        if supervisor.has_served:
            supervisor.slots += [_Slot() for _ in range(count - len(supervisor.slots))]
        if not has_started and supervisor.is_complete(count):
            has_started = True
            started()
        if supervisor.must_stop(reload=place.signals):
            return True
        if (supervisor.signals or place.handover.is_wanted) and has_started:
            supervisor.signals.clear()
            reports = place.begin()
            if reports is not None:
                selector.register(reports, selectors.EVENT_READ)
        ended = supervisor.reap()
        if ended and not supervisor.has_served:
            return False
        for code in ended:
            lost(code)


def _stop(supervisor: _Supervisor, selector: selectors.BaseSelector, place: Place) -> None:
    """Stop the workers: in order, at a second signal without waiting for running requests, and at the end by force."""
    end = time.monotonic() + SHUTDOWN_TIMEOUT
    supervisor.close_lifeline()
    supervisor.signals.clear()
    while supervisor.reap() or not supervisor.has_no_workers:
        _wait(selector, supervisor, place, seconds=0.1)
        if supervisor.signals:
            supervisor.signals.clear()
            supervisor.signal_all(signal.SIGTERM)
        if time.monotonic() > end:
            supervisor.signal_all(signal.SIGKILL)
    for end_of_pipe in (supervisor.lifeline[0], *supervisor.ready):
        os.close(end_of_pipe)


def _wait(selector: selectors.BaseSelector, supervisor: _Supervisor, place: Place, *, seconds: float) -> None:
    """Wait at most `seconds`, or until a signal. Notes which workers have reported that they accept requests."""
    for key, _ in selector.select(seconds):
        following = place.handover.successor
        if key.fd == place.lifeline:
            selector.unregister(key.fd)
            supervisor.has_parent = False
        elif following is not None and key.fd == following.reports:
            selector.unregister(key.fd)
            place.handover.hear()
        else:
            data = os.read(key.fd, 4096)
            if key.fd == supervisor.ready[0]:
                supervisor.hear(data)
