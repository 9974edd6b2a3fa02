"""A reload without a gap: a successor with new code and new settings takes over the listening socket.

    predecessor  ── starts it, hands it the listening socket ──▶  successor: a new interpreter
                 ◀── SERVES, or WAITS ──                          its code and its settings are right
                 ── (WAITS) drains and closes the store, GO ──▶   opens the store, serves
                 drains, then stays as its parent: the process that the system knows, and sends signals to

If the store can be shared, both serve at the same time, and the predecessor drains when the successor accepts. A SQLite
file has one writing process, so there the predecessor drains first; meanwhile connections wait in the listening socket,
and none is refused. A successor that cannot start changes nothing: the predecessor serves on.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gatepass.serving.signals import signals_into

VARIABLE = "_GATEPASS_HANDOVER"
"""Of the environment, from a process to its successor: three descriptors. Not one of our settings."""
WAITS, SERVES, GO = b"W", b"S", b"G"
STOP_TIMEOUT = 30.0
"""Seconds for a successor to stop: more than a supervisor gives to its workers."""
FAILED = "the reload failed, and this server goes on as it was"
OF_ONE_PROCESS = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
"""What systemd says to the process that it knows, and to no other."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a successor got. `lifeline` closes when it must stop."""

    listener: int
    reports: int
    lifeline: int

    @classmethod
    def take(cls) -> "Inheritance | None":
        """What this process got, once; None if it is no successor. Signals to the group are its parent's from now."""
        found = os.environ.pop(VARIABLE, None)
        if found is None:
            return None
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return cls(*map(int, found.split(",")))

    def wait_for_go(self) -> bool:
        """Say that the predecessor must close the store first, and wait for that. False if it has ended instead."""
        self._report(WAITS)
        return os.read(self.lifeline, 1) == GO

    def serves(self) -> None:
        """Say that requests are accepted."""
        self._report(SERVES)

    def _report(self, word: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the lifeline tells of a predecessor that has ended
            os.write(self.reports, word)


class Successor:
    """A process that is to take the place of this one's server, or has taken it."""

    def __init__(self, listener: socket.socket) -> None:
        """Start it, as this process was started: same arguments, same environment, same folder. Raises OSError."""
        self.word = b""
        """The last that it reported."""
        self.reports, reports = os.pipe()
        lifeline, self._lifeline = os.pipe()
        handed = (listener.fileno(), reports, lifeline)
        clean = {name: value for name, value in os.environ.items() if name not in OF_ONE_PROCESS}
        try:
            self._process = subprocess.Popen(  # noqa: S603 (what this process itself was started with)
                [sys.executable, *sys.orig_argv[1:]],
                pass_fds=handed,
                env={**clean, VARIABLE: ",".join(map(str, handed))},
            )
        except OSError:
            os.close(self.reports)
            self.stop()
            raise
        finally:
            os.close(reports)
            os.close(lifeline)

    def hear(self) -> bytes:
        """What it reports, once `reports` is readable; b"" if it has ended."""
        self.word = os.read(self.reports, 64)[-1:]
        return self.word

    def go(self) -> None:
        """The store is closed: it may open it."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._lifeline, GO)

    def stop(self) -> None:
        """Let it drain and end. Idempotent."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)

    @property
    def has_ended(self) -> bool:
        """Whether the process has exited."""
        return self._process.poll() is not None

    def end(self) -> int:
        """Stop it, wait, and return its exit code; by force after STOP_TIMEOUT."""
        self.stop()
        os.close(self.reports)
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Watch(Protocol):
    """The place of the process: what it tells to others, and what it does when it hands over."""

    def reloading(self) -> None:
        """A successor is being started."""

    def leave(self) -> None:
        """Begin to drain what serves now; then comes `Handover.left`."""

    def done(self, failure: str | None) -> None:
        """The reload is over."""


class Handover:
    """The reloads of one server, step by step, for an event loop or a `select`."""

    def __init__(self, listener: socket.socket, watch: Watch) -> None:
        self.successor: Successor | None = None
        """It is starting, or the server drains because it can take over."""
        self.is_wanted = False
        """A reload was asked for while another was under way."""
        self._listener = listener
        self._watch = watch

    def begin(self) -> int | None:
        """Start a successor. Returns the descriptor to watch, and to `hear` when it is readable; None for none."""
        if self.successor is not None:
            self.is_wanted = True
            return None
        self._watch.reloading()
        self.is_wanted = False
        try:
            self.successor = Successor(self._listener)
        except OSError as fault:  # the program is not there, or there are too many processes
            self._watch.done(f"{FAILED}: {fault}")
            return None
        return self.successor.reports

    def hear(self) -> None:
        """Take the step that the successor's one report asks for. Do not watch it any more."""
        successor = self.successor
        if successor is None:
            return
        if successor.hear():
            self._watch.leave()
        else:
            successor.end()
            self.successor = None
            self._watch.done(f"{FAILED}; the reason stands above")

    def left(self) -> Successor | None:
        """What served has ended. Returns the successor, which now serves or begins to; None if none has its turn."""
        successor, self.successor = self.successor, None
        if successor is None:
            return None
        if not successor.word:
            successor.end()  # it was still starting when this server was stopped
            return None
        if successor.word == WAITS:
            successor.go()
        else:
            self._watch.done(None)
        return successor

    def reap(self) -> None:
        """Stop a successor that did not get its turn."""
        if self.successor is not None:
            self.successor.end()
            self.successor = None


class Keeper:
    """Stands for a successor towards the system until it ends: passes signals on, reloads again."""

    def __init__(
        self,
        present: Successor,
        listener: socket.socket,
        *,
        reloading: Callable[[], None],
        done: Callable[[str | None], None],
    ) -> None:
        """`reloading` and `done` are those of `Watch`."""
        self._present = present
        self._handover = Handover(listener, self)
        self.reloading, self.done = reloading, done
        self._selector = selectors.DefaultSelector()

    def leave(self) -> None:
        """Let the present server drain."""
        self._present.stop()

    def keep(self, *, reload: bool, stopping: Callable[[], None]) -> int:
        """Return the exit code: 0 after SIGINT or SIGTERM, 1 if the server ended by itself. `reload` at once or not."""
        found: list[int] = [signal.SIGHUP] if reload else []
        with signals_into(found, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) as woken, self._selector:
            self._selector.register(woken, selectors.EVENT_READ)
            self._watch_present()
            while True:
                if signal.SIGINT in found or signal.SIGTERM in found:
                    stopping()
                    self._handover.reap()
                    self._present.end()
                    return 0
                if found or self._handover.is_wanted:
                    found.clear()
                    self._begin()
                self._wait(woken)
                if self._present.has_ended and not self._is_replaced():
                    return 1

    def _begin(self) -> None:
        reports = self._handover.begin()
        if reports is not None:
            self._selector.register(reports, selectors.EVENT_READ)

    def _watch_present(self) -> None:
        """A present server that waited for its turn opens its store now."""
        if self._present.word == WAITS:
            self._selector.register(self._present.reports, selectors.EVENT_READ)

    def _wait(self, woken: int) -> None:
        for key, _ in self._selector.select(1.0):
            if key.fd == woken:
                os.read(woken, 4096)
                continue
            self._selector.unregister(key.fd)
            if key.fd != self._present.reports:
                self._handover.hear()
            elif self._present.hear() == SERVES:
                self.done(None)

    def _is_replaced(self) -> bool:
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._present.reports)
        self._present.end()
        following = self._handover.left()
        if following is None:
            return False
        self._present = following
        self._watch_present()
        return True
