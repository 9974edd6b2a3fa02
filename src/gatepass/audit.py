"""Events as log records: one line of JSON each, on the logger `gatepass.events`.

JSON escapes every control character, so no e-mail address or header can forge a second record (ASVS 16.4.1);
and an event holds no secret to begin with.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import fields

from gatepass.core.event import Event

logger = logging.getLogger("gatepass.events")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}

_write = json.JSONEncoder().encode

Listener = Callable[[Event], None]


def log_event(event: Event) -> None:
    """Write an event to the log, if anybody listens at its level."""
    level = _LEVELS[event.level]
    if logger.isEnabledFor(level):
        facts = {field.name: getattr(event, field.name) for field in fields(event)}
        logger.log(level, "%s", _write({"event": event.name, **facts}))


class Reporter:
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
                logger.exception("a listener failed on %s", event.name)
