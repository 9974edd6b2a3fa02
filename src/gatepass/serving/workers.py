"""Several server processes on one listening socket, and a supervisor that keeps their number.

The socket is bound once and inherited. With SO_REUSEPORT each process would have a queue of its own, and connections
that wait in the queue of a process that dies are reset; in a common queue the next process accepts them. The kernel
distributes less evenly that way, which matters little for keep-alive connections.

The supervisor forks before it has any thread or event loop, opens no store and serves no requests, so no request can
break it. A worker that ends is replaced. All workers hold the reading end of a pipe, the lifeline, to which nothing is
ever written. It closes when the supervisor stops or dies, and then the workers stop too, including one that was just
starting and would have missed a signal.
"""

import contextlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from gatepass.errors import ConfigurationError, GatepassError

SHUTDOWN_TIMEOUT = 10.0
"""Seconds for workers to stop: more than a server needs for running requests and for closing its store."""
RESTART_INTERVAL = 1.0
"""Seconds between two starts of one worker: a worker that dies at once must not fill the log and use up a core."""
Work = Callable[[Callable[[], None], int, bool], None]
"""Serves until SIGTERM or until the lifeline, its second argument, closes. It must call the first argument when
requests are accepted. The third says whether a worker has accepted requests before: this one must not give up then,
since the listening socket is open and requests wait in it."""


@dataclass(slots=True)
class _Slot:
    """One worker, and its successors."""

    pid: int = 0
    started_at: float = -RESTART_INTERVAL


@dataclass(slots=True)
class _Supervisor:
    work: Work
    slots: list[_Slot]
    lifeline: tuple[int, int] = field(default_factory=os.pipe)
    ready: tuple[int, int] = field(default_factory=os.pipe)
    signals: list[int] = field(default_factory=list)
    has_served: bool = False

    def start_missing(self) -> None:
        for slot in self.slots:
            if slot.pid == 0 and time.monotonic() - slot.started_at >= RESTART_INTERVAL:
                slot.started_at = time.monotonic()
                slot.pid = self._fork()

    def reap(self) -> list[int]:
        """Collect the workers that have ended. Returns their exit codes."""
        codes = []
        for slot in self.slots:
            if slot.pid:
                pid, status = os.waitpid(slot.pid, os.WNOHANG)
                if pid:
                    slot.pid = 0
                    codes.append(os.waitstatus_to_exitcode(status))
        return codes

    def signal_all(self, number: int) -> None:
        for slot in self.slots:
            if slot.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, number)

    @property
    def has_no_workers(self) -> bool:
        return not any(slot.pid for slot in self.slots)

    def close_lifeline(self) -> None:
        os.close(self.lifeline[1])

    def _report_ready(self) -> None:
        os.write(self.ready[1], b".")

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


def supervise(work: Work, *, count: int, started: Callable[[], None], lost: Callable[[int], None]) -> bool:
    """Keep `count` workers running until SIGINT or SIGTERM. Calls `started` once, when all accept requests.

    `lost` is called with the exit code of each worker that ended by itself. The first worker starts alone: if it cannot
    accept requests, it has printed why, once, and this returns False. Raises ConfigurationError if the system cannot
    fork.
    """
    if not hasattr(os, "fork"):
        raise ConfigurationError(
            "--workers needs a system with fork(). Run one process, or several on different ports."
        )
    supervisor = _Supervisor(work, [_Slot()])
    with _signals_into(supervisor.signals) as woken, selectors.DefaultSelector() as selector:
        selector.register(woken, selectors.EVENT_READ)
        selector.register(supervisor.ready[0], selectors.EVENT_READ)
        try:
            return _run(supervisor, selector, count=count, started=started, lost=lost)
        finally:
            _stop(supervisor, selector)


def _run(
    supervisor: _Supervisor,
    selector: selectors.BaseSelector,
    *,
    count: int,
    started: Callable[[], None],
    lost: Callable[[int], None],
) -> bool:
    ready = 0
    while True:
        supervisor.start_missing()
        fresh = _wait(selector, supervisor.ready[0], RESTART_INTERVAL)
        if fresh:
            supervisor.has_served = True
        if fresh and ready < count:
            ready += fresh
            supervisor.slots += [_Slot() for _ in range(count - len(supervisor.slots))]
            if ready == count:
                started()
        if supervisor.signals:
            return True
        ended = supervisor.reap()
        if ended and ready == 0:
            return False
        for code in ended:
            lost(code)


def _stop(supervisor: _Supervisor, selector: selectors.BaseSelector) -> None:
    """Stop the workers: in order, at a second signal without waiting for running requests, and at the end by force."""
    end = time.monotonic() + SHUTDOWN_TIMEOUT
    supervisor.close_lifeline()
    supervisor.signals.clear()
    while supervisor.reap() or not supervisor.has_no_workers:
        _wait(selector, supervisor.ready[0], 0.1)
        if supervisor.signals:
            supervisor.signals.clear()
            supervisor.signal_all(signal.SIGTERM)
        if time.monotonic() > end:
            supervisor.signal_all(signal.SIGKILL)
    for end_of_pipe in (supervisor.lifeline[0], *supervisor.ready):
        os.close(end_of_pipe)


def _wait(selector: selectors.BaseSelector, ready: int, seconds: float) -> int:
    """Wait at most `seconds`, or until a signal. Returns how many workers have reported that they accept requests."""
    count = 0
    for key, _ in selector.select(seconds):
        data = os.read(key.fd, 4096)
        count += len(data) if key.fd == ready else 0
    return count


@contextlib.contextmanager
def _signals_into(found: list[int]) -> Iterator[int]:
    """Append SIGINT and SIGTERM to `found`. These and SIGCHLD wake a `select` on the yielded file descriptor."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    before = {
        number: signal.signal(number, lambda number, _: found.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, _: None)
    outer = signal.set_wakeup_fd(wake)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(outer)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(wake)
