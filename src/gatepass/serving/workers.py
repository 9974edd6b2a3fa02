"""Several server processes on one listening socket, and a supervisor that keeps their number.

The socket is bound once and inherited. With SO_REUSEPORT each process would have a queue of its own, and connections
that wait in the queue of a process that dies are reset; in a common one the next process takes them. The kernel spreads
less evenly that way, which matters little to keep-alive connections.

The supervisor forks before it has any thread or event loop, opens no store and serves nothing: what a request can
break is not in it. A worker that ends is replaced. All hold the reading end of a pipe, the lifeline, on which nothing
is ever written: it closes when the supervisor stops or dies, and then they stop too, also one that was just being
started and would have missed a signal.
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

GRACE = 10.0
"""Seconds that workers have to stop: more than a server takes for running requests and for closing its store."""
PACE = 1.0
"""Seconds between two starts in one place: a worker that dies at once must not fill the log and a core."""
Work = Callable[[Callable[[], None], int], None]
"""Serve until SIGTERM, or until the lifeline closes; call the first argument when requests are taken."""


@dataclass(slots=True)
class _Place:
    """Where one worker runs, and the next one after it."""

    pid: int = 0
    started_at: float = -PACE


@dataclass(slots=True)
class _Supervisor:
    work: Work
    places: list[_Place]
    lifeline: tuple[int, int] = field(default_factory=os.pipe)
    ready: tuple[int, int] = field(default_factory=os.pipe)
    signals: list[int] = field(default_factory=list)

    def start_missing(self) -> None:
        for place in self.places:
            if place.pid == 0 and time.monotonic() - place.started_at >= PACE:
                place.started_at = time.monotonic()
                place.pid = self._fork()

    def reap(self) -> list[int]:
        """Take note of workers that ended; their exit codes."""
        codes = []
        for place in self.places:
            if place.pid:
                pid, status = os.waitpid(place.pid, os.WNOHANG)
                if pid:
                    place.pid = 0
                    codes.append(os.waitstatus_to_exitcode(status))
        return codes

    def tell(self, number: int) -> None:
        for place in self.places:
            if place.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, number)

    @property
    def is_alone(self) -> bool:
        return not any(place.pid for place in self.places)

    def let_go(self) -> None:
        os.close(self.lifeline[1])

    def _say_ready(self) -> None:
        os.write(self.ready[1], b".")

    def _fork(self) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        return os.fork() or self._be_worker()

    def _be_worker(self) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # Ctrl-C reaches the whole group; the supervisor passes it on, once.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self.let_go()
            self.work(self._say_ready, self.lifeline[0])
            code = 0
        except GatepassError as fault:
            print(fault, file=sys.stderr)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # the stack below belongs to the supervisor


def supervise(work: Work, *, count: int, started: Callable[[], None], lost: Callable[[int], None]) -> bool:
    """Keep `count` workers running until SIGINT or SIGTERM; call `started` once when all take requests.

    `lost` is told the exit code of every worker that ended by itself. The first one starts alone: if it cannot take
    requests it has said why, once, and this returns False. Raises ConfigurationError where the system cannot fork.
    """
    if not hasattr(os, "fork"):
        raise ConfigurationError("--workers needs a system with fork(); here run one process, or several on own ports.")
    supervisor = _Supervisor(work, [_Place()])
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
    taking = 0
    while True:
        supervisor.start_missing()
        fresh = _wait(selector, supervisor.ready[0], PACE)
        if fresh and taking < count:
            taking += fresh
            supervisor.places += [_Place() for _ in range(count - len(supervisor.places))]
            if taking == count:
                started()
        if supervisor.signals:
            return True
        ended = supervisor.reap()
        if ended and taking == 0:
            return False
        for code in ended:
            lost(code)


def _stop(supervisor: _Supervisor, selector: selectors.BaseSelector) -> None:
    """Gently; without regard to running requests at a second signal; by force at the end."""
    end = time.monotonic() + GRACE
    supervisor.let_go()
    supervisor.signals.clear()
    while supervisor.reap() or not supervisor.is_alone:
        _wait(selector, supervisor.ready[0], 0.1)
        if supervisor.signals:
            supervisor.signals.clear()
            supervisor.tell(signal.SIGTERM)
        if time.monotonic() > end:
            supervisor.tell(signal.SIGKILL)
    for end_of_pipe in (supervisor.lifeline[0], *supervisor.ready):
        os.close(end_of_pipe)


def _wait(selector: selectors.BaseSelector, ready: int, seconds: float) -> int:
    """How many workers said that they take requests; returns early for a signal."""
    count = 0
    for key, _ in selector.select(seconds):
        data = os.read(key.fd, 4096)
        count += len(data) if key.fd == ready else 0
    return count


@contextlib.contextmanager
def _signals_into(found: list[int]) -> Iterator[int]:
    """SIGINT and SIGTERM are noted, and wake up a `select` on the file descriptor given, as SIGCHLD does."""
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
