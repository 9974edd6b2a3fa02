"""A stream for logs that never blocks the event loop: a bounded queue, and a thread that writes.

A pipe holds some 64 KB. If its reader stops (a full disk, a stuck collector, a suspended terminal), a plain write
blocks, and with it every request. Here lines beyond the bound are dropped and counted, and the count is a line of its
own as soon as the stream takes bytes again.
"""

import os
import select
import threading
import time
from collections import deque
from typing import TextIO

from gatepass.core.event import LogDropped
from gatepass.per_process import PerProcess
from gatepass.runtime.event_log import line_of

MAX_WAITING = 1024 * 1024
"""Characters that wait: some seconds of a busy server."""
PAUSE = 0.02
"""Seconds in which lines gather before they are written: one system call for all, and few changes of the thread."""
CLOSE_TIMEOUT = 1.0
"""Seconds that the end of a process waits for a stream that takes nothing."""
CLOSED = -1
"""No descriptor: each write to it fails."""


class _Queue:
    """What waits in one process, and its thread. A child has no thread: its parent writes what waited."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque()
        self.waiting = 0
        self.dropped = 0
        self.lock = threading.Lock()
        self.filled = threading.Event()
        self.closing = threading.Event()
        self.thread: threading.Thread | None = None


class LogQueue:
    """A text stream, as `logging.StreamHandler` and `EventLog` need it. Before `start` it has no thread.

    Without a thread a line is written at once, or dropped if that would block: a process that forks has no threads.
    """

    def __init__(self, stream: TextIO) -> None:
        """Text of `stream` that waits in its own buffer is written first."""
        stream.flush()
        # Our own copy: a descriptor that other code closes may be a database's connection a moment later.
        self._descriptor = os.dup(stream.fileno())
        self._queues = PerProcess(_Queue)

    def start(self) -> None:
        """Write in a thread from now on. Call it in the process that logs, after a fork."""
        queue = self._queues.here
        queue.thread = threading.Thread(target=self._run, args=(queue,), name="gatepass-log", daemon=True)
        queue.thread.start()

    def write(self, text: str) -> int:
        """Queue a text of whole lines. Never blocks and never raises. Returns its length."""
        queue = self._queues.here
        if queue.thread is None:
            self._write_now(text)
            return len(text)
        with queue.lock:
            if queue.waiting + len(text) > MAX_WAITING:
                queue.dropped += text.count("\n")
            else:
                queue.lines.append(text)
                queue.waiting += len(text)
        if not queue.filled.is_set():  # else the thread has not yet begun to take what waits
            queue.filled.set()
        return len(text)

    def flush(self) -> None:
        """Nothing: the thread writes soon."""

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_TIMEOUT` seconds. Lines that come later are lost."""
        queue = self._queues.here
        queue.closing.set()
        queue.filled.set()
        if queue.thread is not None:
            queue.thread.join(CLOSE_TIMEOUT)
            if queue.thread.is_alive():  # it is inside a write, and keeps the descriptor
                return
        descriptor, self._descriptor = self._descriptor, CLOSED
        if descriptor != CLOSED:
            os.close(descriptor)

    def _run(self, queue: _Queue) -> None:
        while not (queue.closing.is_set() and not queue.lines and not queue.dropped):
            queue.filled.wait()
            queue.filled.clear()
            queue.closing.wait(PAUSE)
            if not self._write_waiting(queue):
                return

    def _write_waiting(self, queue: _Queue) -> bool:
        """Write all that waits. Returns False once the stream is gone."""
        with queue.lock:
            text, dropped = "".join(queue.lines), queue.dropped
            queue.lines.clear()
            queue.dropped = 0
        if dropped:
            text += line_of(LogDropped(at=int(time.time()), lines=dropped)) + "\n"
        is_written = _write_all(self._descriptor, text)
        with queue.lock:
            queue.waiting = sum(map(len, queue.lines))
        return is_written

    def _write_now(self, text: str) -> None:
        if _can_write(self._descriptor):
            _write_all(self._descriptor, text)


def _can_write(descriptor: int) -> bool:
    """Whether a write would not block. `select.select` would raise for a descriptor of 1024 or more."""
    if descriptor == CLOSED or not hasattr(select, "poll"):  # Windows can ask this of sockets alone
        return descriptor != CLOSED
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def _write_all(descriptor: int, text: str) -> bool:
    """Write all of a text, and wait for its reader. Returns False if the stream is gone."""
    # Not through sys.stderr: at its end the interpreter waits for a lock that a blocked write would hold.
    rest = memoryview(text.encode("utf-8", "backslashreplace"))
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        return False
    return True
