"""Hands events to a listener of the application: in their order, one at a time, and never in the way of a request.

    report(event) ─► a queue for each listener ─► one task on the gate's event loop ─► the listener

A plain listener runs on a thread, so it may block; an async one on the loop. A listener that is slower than the events
come loses the newest beyond MAX_WAITING, and the log says so: a request never waits for it.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from gatepass.core.event import Event
from gatepass.hooks import call_hook, contained, is_async

logger = logging.getLogger("gatepass.server")

MAX_WAITING = 10_000
"""Events, some seconds of a busy server: about 3 MB."""
CLOSE_TIMEOUT = 5.0
"""Seconds for which a gate that closes waits for its listeners."""

Listener = Callable[[Event], Awaitable[None] | None]


class EventDelivery:
    """The queue of one listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None
        self._lost = 0

    def __call__(self, event: Event) -> None:
        """Put an event into the queue; without a running event loop it waits for the next event on one."""
        if len(self._waiting) >= MAX_WAITING:
            if self._lost == 0:
                logger.error("the listener %r is too slow: events are not delivered to it", self._listener)
            self._lost += 1
            return
        self._waiting.append(event)
        with contextlib.suppress(RuntimeError):
            self._start(asyncio.get_running_loop())

    async def finish(self) -> None:
        """Return when the listener has had every event, after CLOSE_TIMEOUT at the latest."""
        if self._waiting:
            self._start(asyncio.get_running_loop())
        task = self._task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            return
        await asyncio.wait([task], timeout=CLOSE_TIMEOUT)
        if not task.done():
            logger.error("the listener %r did not end; %d events wait for it", self._listener, len(self._waiting))

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        task = self._task
        if task is None or task.done() or task.get_loop().is_closed():
            self._task = loop.create_task(self._deliver(), name="gatepass-listener")

    async def _deliver(self) -> None:
        while self._waiting:
            if is_async(self._listener):
                await self._tell(self._waiting.popleft())
            else:  # all that wait in one turn of a thread: a busy server has thousands in a second
                await asyncio.to_thread(self._tell_all, self._take())
            if self._lost and len(self._waiting) < MAX_WAITING // 2:
                logger.warning("%d events were not delivered to the listener %r", self._lost, self._listener)
                self._lost = 0

    async def _tell(self, event: Event) -> None:
        try:
            await call_hook(self._listener, event)
        except Exception:
            _log_failure(event)

    def _tell_all(self, events: Iterable[Event]) -> None:
        for event in events:
            try:
                with contained():
                    self._listener(event)
            except Exception:
                _log_failure(event)

    def _take(self) -> list[Event]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


def _log_failure(event: Event) -> None:
    logger.exception("a listener failed on %s", event.name)
