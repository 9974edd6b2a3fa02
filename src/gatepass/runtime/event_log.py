"""Events as log records or lines: one JSON object each, on the logger `gatepass.events` or in a journal of one's own.

JSON escapes every control character, so no e-mail address or header can forge a second record (ASVS 16.4.1);
and an event holds no secret to begin with.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import fields
from typing import TextIO

from gatepass.core.event import Event
from gatepass.core.strict_json import dump

logger = logging.getLogger("gatepass.events")
faults = logging.getLogger("gatepass.audit")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}

_names: dict[str, list[str]] = {}  # the facts of each event, which `fields` takes long to tell

Listener = Callable[[Event], None]


def log_event(event: Event) -> None:
    """Write an event to the log, if anybody listens at its level."""
    level = _LEVELS[event.level]
    if logger.isEnabledFor(level):
        logger.log(level, "%s", _line(event))


def _line(event: Event) -> str:
    names = _names.get(event.name) or _names.setdefault(event.name, [field.name for field in fields(event)])
    return dump({"event": event.name, **{name: getattr(event, name) for name in names}}).decode("ascii")


class EventLog:
    """A listener that writes each event as a line to a stream, and those of one turn of the event loop together.

    Every refresh is an event: through `logging`, with a system call for each, that is a sixth of the server's time.
    What is critical, and what happens outside a loop, is written at once. A stream that cannot be written raises, and
    the reporter logs it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def __call__(self, event: Event) -> None:
        """Write an event with what follows."""
        self._lines.append(_line(event) + "\n")
        if event.level == "critical":
            self.flush()
        elif len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # there is no loop
                self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()


class EventBus:
    """Hands each event to every listener. A listener that fails is logged and harms nobody else."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = [log_event]

    def add(self, listener: Listener) -> None:
        """Call `listener` with every event from now on, on the event loop: it must not block."""
        self._listeners.append(listener)

    def __call__(self, event: Event) -> None:
        """Report one event."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                faults.exception("a listener failed on %s", event.name)
