"""The outbox: what has to do with mail happens here, beside the answers and after them.

Whether an address has an account must show in no answer and in no time that an answer takes. So the endpoints that
anybody may call only put a job here; looking the address up, writing a row, making a link and sending it all come
later. The queue is bounded, and full means 503 for everybody alike. It lives in memory: a crash loses what waits, and
people ask again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from gatepass.core.event import Event, MailFailed
from gatepass.errors import DeliveryFailed, Overloaded, StoreUnavailable
from gatepass.ports import Clock, Mailer, Message

logger = logging.getLogger("gatepass.mail")

ROOM = 1_000
"""Jobs that wait: at a mail server's usual pace more than anybody waits for."""
WORKERS = 4
DELAYS = (1.0, 5.0, 30.0)
"""Seconds before a mail, or a store that was ill, is tried again: longer than a restart, shorter than patience."""
GRACE = 5.0
"""Seconds that closing waits for what was accepted."""

Job = Callable[[], Awaitable[Message | None]]


class Pause(Protocol):
    """Waits. Tests replace it."""

    async def __call__(self, seconds: float, /) -> None:
        """Return after so many seconds."""
        ...


class Outbox:
    """A bounded queue and a few tasks that empty it. `open` and `close` as the gate."""

    def __init__(
        self,
        mailer: Mailer,
        *,
        clock: Clock,
        report: Callable[[Event], None],
        room: int = ROOM,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._mailer = mailer
        self._clock = clock
        self._report = report
        self._room = room
        self._pause = pause
        self._queue: asyncio.Queue[Job] = asyncio.Queue(room)
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to work off the queue, on the running event loop. Idempotent."""
        if not self._tasks:
            waiting, self._queue = self._queue, asyncio.Queue(self._room)  # a queue belongs to one event loop
            while not waiting.empty():
                self._queue.put_nowait(waiting.get_nowait())
            self._tasks = [asyncio.create_task(self._work(), name=f"gatepass-mail-{n}") for n in range(WORKERS)]

    async def close(self) -> None:
        """Give what was accepted a bounded while, then stop. Idempotent."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            try:
                async with asyncio.timeout(GRACE):
                    await self._queue.join()
            except TimeoutError:
                logger.warning("%d mails were not sent in time before the end", self._queue.qsize())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def put(self, job: Job) -> None:
        """Do a job soon, and send the mail that it gives, if any. Raises Overloaded where too many wait."""
        try:
            self._queue.put_nowait(job)
        except asyncio.QueueFull:
            raise Overloaded from None

    def post(self, message: Message) -> None:
        """Send a mail soon, unless too many wait: then it is reported and lost. For notices, which decide nothing."""

        async def ready() -> Message:
            return message

        try:
            self.put(ready)
        except Overloaded:
            self.give_up(message.subject, "too many mails wait")

    async def drained(self) -> None:
        """Return once everything put so far is done with."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            try:
                message = await self._do(job)
                if message is not None:
                    await self._send(message)
            except Exception:
                logger.exception("unexpected error in a mail job")
            finally:
                self._queue.task_done()

    async def _do(self, job: Job) -> Message | None:
        for delay in DELAYS:
            try:
                return await job()
            except StoreUnavailable:
                await self._pause(delay)
        return await job()

    async def _send(self, message: Message) -> None:
        for delay in (*DELAYS, None):
            try:
                await self._mailer.send(message)
                return
            except DeliveryFailed as failure:
                if failure.is_final or delay is None:
                    self.give_up(message.subject, str(failure))
                    return
                await self._pause(delay)

    def give_up(self, subject: str, why: str) -> None:
        """Report a mail that will not be sent."""
        self._report(MailFailed(at=self._clock.now(), subject=subject, why=why))
