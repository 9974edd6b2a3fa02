"""Hands events to listeners, and writes them as JSON: to the logger `gatepass.events`, or to a stream.

JSON escapes every control character, so no e-mail address or header can forge a second record (ASVS 16.4.1). An event
contains no secret in the first place.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import fields
from typing import TextIO

from gatepass.core.event import Event
from gatepass.core.strict_json import dump
from gatepass.errors import ConfigurationError
from gatepass.hooks import takes_one
from gatepass.runtime.event_delivery import EventDelivery, Listener

logger = logging.getLogger("gatepass.events")
faults = logging.getLogger("gatepass.server")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}

_names: dict[str, list[str]] = {}  # the fields of each event by its name; dataclasses.fields is slow

InlineListener = Callable[[Event], None]


def log_event(event: Event) -> None:
    """Log an event, if its level is enabled."""
    level = _LEVELS[event.level]
    if logger.isEnabledFor(level):
        logger.log(level, "%s", line_of(event))


def line_of(event: Event) -> str:
    """An event as one line of JSON, without its end."""
    names = _names.get(event.name) or _names.setdefault(event.name, [field.name for field in fields(event)])
    return dump({"event": event.name, **{name: getattr(event, name) for name in names}}).decode("ascii")


class EventLog:
    """A listener that writes each event as a line to a stream. Events of one iteration of the loop share a write.

    Every refresh is an event: through `logging`, with a system call for each, that takes a sixth of the server's time.
    A critical event is written at once, as is an event outside an event loop. A stream that cannot be written raises,
    and the EventBus logs that.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def __call__(self, event: Event) -> None:
        """Write an event, together with those that follow it in this iteration of the loop."""
        self._lines.append(line_of(event) + "\n")
        if event.level == "critical":
            self.flush()
        elif len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # no event loop is running
                self.flush()

    def flush(self) -> None:
        """Write the events that have gathered."""
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()


class EventBus:
    """Calls every listener with each event. If one raises, that is logged, and the others are called all the same."""

    def __init__(self) -> None:
        self._listeners: list[InlineListener] = [log_event]
        self._deliveries: list[EventDelivery] = []

    def add(self, listener: InlineListener) -> None:
        """Call `listener` with every event, at once and on the event loop. For listeners of ours: it must not block."""
        self._listeners.append(listener)

    def deliver_to(self, listener: Listener) -> None:
        """Call a listener of the application, plain or async, with every event, soon. Raises ConfigurationError."""
        if not callable(listener) or not takes_one(listener):
            raise ConfigurationError(
                "on_event takes a function with one parameter, the event: `@gate.on_event`, without parentheses, over "
                "`def heard(event): ...`"
            )
        delivery = EventDelivery(listener)
        self._deliveries.append(delivery)
        self._listeners.append(delivery)

    async def finish(self) -> None:
        """Return when the listeners of the application have had all events, or have had their time."""
        for delivery in self._deliveries:
            await delivery.finish()

    def __call__(self, event: Event) -> None:
        """Call every listener with one event."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                faults.exception("a listener failed on %s", event.name)
