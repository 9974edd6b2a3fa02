"""Sends mail in the background, after the response has gone out.

Neither a response nor its timing may reveal whether an address has an account. Endpoints that anyone may call therefore
only put a job here: looking the address up, writing a row, making a link and sending the mail all happen in the job.
It begins a random moment later, up to MAX_DELAY, or the answer to the next request would show whether there was work.
The queue is bounded, and a full queue answers every request with 503. It is in memory: a crash loses what is queued,
and users ask again.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial

from gatepass.core.event import Event, MailFailed
from gatepass.errors import DeliveryFailed, Overloaded, StoreUnavailable
from gatepass.hooks import call_hook
from gatepass.ports import Clock, Mailer, Message
from gatepass.supervisor import Alive, Supervisor

logger = logging.getLogger("gatepass.mail")

MAX_QUEUE = 1_000
"""Queued jobs: at a mail server's usual pace the last one would be sent after its user has given up."""
WORKERS = 4
_NAMES = tuple(f"gatepass-mail-{number}" for number in range(WORKERS))
MAX_DELAY = 1.0
"""Seconds. Against what: the answers within which an attacker could look for the work take milliseconds."""
RETRY_DELAYS = (1.0, 5.0, 30.0)
"""Seconds before a mail, or a job whose store is unavailable, is tried again: longer than a restart takes."""
CLOSE_TIMEOUT = 5.0
"""Seconds for which `close` waits for queued mail."""

Job = Callable[[], Awaitable[Message | None]]
Sleep = Callable[[float], Awaitable[object]]
Queued = tuple[float, Job]
"""When it is due by the monotonic clock, and the job."""
_random = secrets.SystemRandom()


class Outbox:
    """A bounded queue of jobs, and the tasks that run them. The gate opens and closes it."""

    def __init__(
        self,
        mailer: Mailer,
        *,
        clock: Clock,
        report: Callable[[Event], None],
        max_queue: int = MAX_QUEUE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`sleep` is for tests."""
        self._mailer = mailer
        self._clock = clock
        self._report = report
        self._max_queue = max_queue
        self._sleep = sleep
        self._queue: asyncio.Queue[Queued] = asyncio.Queue(max_queue)
        self._taken: dict[int, Queued] = {}
        """What the tasks are at, by their numbers: taken from the queue and not done."""
        self._last_due = 0.0
        self._at_once = asyncio.Event()
        self._supervisor: Supervisor | None = None

    def open(self, supervisor: Supervisor | None = None) -> None:
        """Start the tasks on the running event loop, under the supervisor of the gate. Idempotent."""
        if self._supervisor is None:
            waiting = self._queue
            size = max(self._max_queue, waiting.qsize() + len(self._taken))  # all that was accepted before
            self._queue = asyncio.Queue(size)  # a queue belongs to one event loop
            self._at_once = asyncio.Event()
            for queued in self._taken.values():
                self._queue.put_nowait(queued)
            self._taken = {}
            while not waiting.empty():
                self._queue.put_nowait(waiting.get_nowait())
            self._supervisor = supervisor or Supervisor()
            for number, name in enumerate(_NAMES):
                self._supervisor.start(name, partial(self._work, number))

    @property
    def unfinished(self) -> int:
        """The mails that were accepted and are not sent yet."""
        return self._queue.qsize() + len(self._taken)

    def abandon(self) -> None:
        """The event loop has ended. What was accepted is done after the next `open`; a mail may be sent twice."""
        self._supervisor = None

    async def close(self) -> None:
        """Send what is queued at once, for at most CLOSE_TIMEOUT, then stop. Idempotent."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.drained()
        except TimeoutError:
            self._give_up(f"{self.unfinished} queued mails", "the gate closed before they were sent")
        await supervisor.stop(*_NAMES)

    def put(self, job: Job) -> None:
        """Run `job` soon and send the mail that it returns, if any. Raises Overloaded if the queue is full."""
        due = max(self._last_due, time.monotonic() + _random.uniform(0, MAX_DELAY))  # in the order in which they came
        try:
            self._queue.put_nowait((due, job))
        except asyncio.QueueFull:
            raise Overloaded from None
        self._last_due = due

    def post(self, job: Job, *, subject: str) -> None:
        """As `put`, for mail that nothing depends on: if the queue is full, `subject` is reported as not sent."""
        try:
            self.put(job)
        except Overloaded:
            self._give_up(subject, "the mail queue is full")

    async def drained(self) -> None:
        """Do what is queued at once, and return when it is done."""
        self._at_once.set()
        await self._queue.join()
        self._at_once.clear()

    async def _work(self, number: int, alive: Alive) -> None:
        queue = self._queue
        if self._taken.pop(number, None):  # it ended the task before this one, and would end this one too
            queue.task_done()
            self._give_up("a mail", "its task was cancelled")
        while True:
            alive()
            due, job = self._taken[number] = await queue.get()
            message: Message | None = None
            try:
                await self._until(due)
                message = await self._run(job)
                if message is not None:
                    await self._send(message)
            except Exception as fault:
                logger.exception("unexpected error in a mail job")
                self._give_up("a mail" if message is None else message.subject, type(fault).__name__)
            del self._taken[number]
            queue.task_done()

    async def _until(self, due: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due - time.monotonic()):
                await self._at_once.wait()

    async def _run(self, job: Job) -> Message | None:
        for delay in RETRY_DELAYS:
            try:
                return await job()
            except StoreUnavailable:
                await self._sleep(delay)
        return await job()

    async def _send(self, message: Message) -> None:
        for delay in (*RETRY_DELAYS, None):
            try:
                await call_hook(self._mailer.send, message)
                return
            except DeliveryFailed as failure:
                if failure.is_final or delay is None:
                    self._give_up(message.subject, str(failure))
                    return
                await self._sleep(delay)

    def _give_up(self, subject: str, why: str) -> None:
        self._report(MailFailed(at=self._clock.now(), subject=subject, why=why))
