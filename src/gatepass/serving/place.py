"""What a server is to the system: the process that was started, with its signals, or the successor of one.

The process that was started is told to reload (SIGHUP) and reports to systemd. A successor reports to its predecessor,
which gets the signals. `handover.py` has the steps.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

from gatepass.serving import notify
from gatepass.serving.handover import Handover, Inheritance, Keeper
from gatepass.serving.signals import reload_signals

logger = logging.getLogger("gatepass.server")


class Place:
    """The place of this process, and its reloads."""

    def __init__(self, listener: socket.socket, *, inherited: Inheritance | None, refusal: str | None) -> None:
        """`refusal`: why a reload must not be, in a sentence."""
        self._inherited = inherited
        self._refusal = refusal
        self._listener = listener
        self._kept = listener.dup()  # a server closes its own when it drains, and a later successor needs one
        self._leave: Callable[[], None] = lambda: None
        self.handover = Handover(self._kept, self)
        self.signals = reload_signals(is_successor=inherited is not None)
        self.lifeline = inherited.lifeline if inherited else None

    def started(self) -> None:
        """Tell that requests are accepted."""
        if self._inherited is not None:
            self._inherited.serves()
        else:
            notify.ready()

    def stopping(self) -> None:
        """Tell that the server stops for good. From now on no connection may wait that no process will accept."""
        self._kept.close()
        if self._inherited is None:
            notify.stopping()

    def close_listener(self) -> None:
        """In a supervisor that stops: its workers have theirs."""
        self._listener.close()

    def close(self) -> None:
        """Let the kept socket go; also in a worker, since its supervisor alone hands over. Idempotent."""
        self._kept.close()

    def reloading(self) -> None:
        """A successor is being started."""
        logger.warning("reloading: a process with the present code and settings is started")
        notify.reloading()

    def leave(self) -> None:
        """Begin to drain."""
        self._leave()

    def done(self, failure: str | None) -> None:
        """The reload is over, and `failure` is what went wrong."""
        logger.warning("%s", failure or "reloaded")
        notify.ready()

    def begin(self) -> int | None:
        """Begin a reload. Returns the descriptor to watch, None if there is none."""
        if self._refusal is not None:
            logger.warning("not reloaded: %s", self._refusal)
            return None
        return self.handover.begin()

    @contextlib.contextmanager
    def leaving_by(self, leave: Callable[[], None]) -> Iterator[None]:
        """Inside, `leave` is how the server begins to drain."""
        self._leave = leave
        yield
        self._leave = lambda: None

    @contextlib.contextmanager
    def in_loop(self, leave: Callable[[], None]) -> Iterator[None]:
        """Reload on signals inside a running event loop."""
        loop = asyncio.get_running_loop()

        def hear(reports: int) -> None:
            loop.remove_reader(reports)
            self.handover.hear()
            if self.handover.is_wanted and self.handover.successor is None:
                begin()

        def begin() -> None:
            reports = self.begin()
            if reports is not None:
                loop.add_reader(reports, hear, reports)

        for number in self.signals:
            loop.add_signal_handler(number, begin)
        try:
            with self.leaving_by(leave):
                yield
        finally:
            for number in self.signals:
                loop.remove_signal_handler(number)
            if self.handover.successor is not None:
                loop.remove_reader(self.handover.successor.reports)

    def keep(self) -> None:
        """After the server has ended: stand for its successor, if there is one. Raises SystemExit with its code."""
        successor = self.handover.left()
        if successor is None:
            return
        keeper = Keeper(successor, self._kept, done=self.done, reloading=self.reloading)
        raise SystemExit(keeper.keep(reload=self.handover.is_wanted, stopping=self.stopping))
