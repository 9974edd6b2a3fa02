"""The pipeline to one node, which all callers share.

All commands of one iteration of the event loop are sent in one write, at once, while earlier ones are still under way;
replies arrive in order. So a single command never waits for others, and under load many share a round trip, a system
call and a flush of the server's log. An error becomes StoreUnavailable for exactly the callers that it affects, within
a bounded time.

A name or a virtual address may lead to another server from one moment to the next, while the connections that are open
stay with the old one. So a reply that says that the server takes no writes ends the connection: nothing new is sent on
it, the replies that are due are still read, and the next command opens another.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.errors import StoreUnavailable
from gatepass.stores.limits import MAX_WAITING
from gatepass.stores.redis.connection import Connection, Refusal, Reply, Unreachable
from gatepass.stores.unavailable import copy_for_waiter, overloaded

COMMAND_TIMEOUT = 5.0
"""Seconds to wait for a reply. Then the connection is given up: the commands behind it would wait as long."""
DEMOTION_INTERVAL = 0.5
"""Seconds between two connections that are ended because their server takes no writes: while there is no primary every
command would open one."""

Answer = asyncio.Future[Reply]
Spawn = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(slots=True, eq=False)
class _Link:
    """A connection and the commands sent on it whose replies are due, each with the time when it was sent."""

    connection: Connection
    sent: deque[tuple[float, Answer | None]] = field(default_factory=deque)
    reader: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Pipeline:
    """One pipelined connection to one node, opened when it is needed. For one event loop."""

    def __init__(
        self,
        connect: Callable[[], Coroutine[Any, Any, Connection]],
        *,
        spawn: Spawn,
        demoted: Callable[[], None] = lambda: None,
    ) -> None:
        """`connect` opens a connection; `spawn` starts a task that is finished before the store closes.

        `demoted` is called when a connection is ended because its server takes no writes.
        """
        self._open_connection = connect
        self._spawn = spawn
        self._demoted = demoted
        self._loop = asyncio.get_running_loop()
        self._link: _Link | None = None
        self._retired: set[_Link] = set()
        self._waiting: list[tuple[bytes, Answer | None]] = []
        self._under_way = 0
        self._is_flushing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._demoted_at = -DEMOTION_INTERVAL

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that has not failed."""
        return self._link is not None

    @property
    def is_busy(self) -> bool:
        """Whether any command waits for its reply."""
        return bool(self._waiting or self._under_way)

    def put(self, *commands: bytes) -> Answer:
        """The reply to the last of these commands, which are sent together.

        Raises StoreUnavailable, either at once or from the future.
        """
        if len(self._waiting) + self._under_way >= MAX_WAITING:
            raise overloaded()
        answer: Answer = self._loop.create_future()
        for command in commands[:-1]:
            self._waiting.append((command, None))
        self._waiting.append((commands[-1], answer))
        self._idle.clear()
        if not self._is_flushing:
            self._is_flushing = True
            self._spawn(self._flush())
        return answer

    async def close(self) -> None:
        """Disconnect. Commands that are still under way fail."""
        links = [link for link in (self._link, *self._retired) if link is not None]
        for link in links:
            self._break(link, StoreUnavailable("The store was closed."))
        if readers := [link.reader for link in links if link.reader is not None]:
            await asyncio.wait(readers)

    async def settled(self) -> None:
        """Return once all commands have their replies, those too whose callers were cancelled."""
        await self._idle.wait()

    def _note_idle(self) -> None:
        if not self.is_busy:
            self._idle.set()

    async def _flush(self) -> None:
        """Send the waiting commands, and those that arrive meanwhile."""
        try:
            while self._waiting:
                try:
                    link = self._link or await self._connect()
                except Unreachable as fault:
                    self._fail([answer for _, answer in self._take()], fault)
                    continue
                batch = self._take()
                now = self._loop.time()
                link.sent.extend((now, answer) for _, answer in batch)
                self._under_way += len(batch)
                self._start_timer(link)
                try:
                    await link.connection.send(b"".join(command for command, _ in batch))
                except StoreUnavailable as fault:
                    self._break(link, fault)
        except BaseException as fault:
            self._fail([answer for _, answer in self._take()], fault)
            raise
        finally:
            self._is_flushing = False
            self._note_idle()

    async def _connect(self) -> _Link:
        link = self._link = _Link(await self._open_connection())
        link.reader = asyncio.create_task(self._read(link))
        return link

    async def _read(self, link: _Link) -> None:
        try:
            while link is self._link or link.sent:
                reply = await link.connection.receive()
                _, answer = link.sent.popleft()
                self._under_way -= 1
                if isinstance(reply, Refusal) and reply.is_demotion:
                    reply = self._retire(link, reply)
                if answer is not None and not answer.done():  # else its caller was cancelled; the command is done
                    answer.set_result(reply)
                self._note_idle()
        except StoreUnavailable as fault:
            self._break(link, fault)
        except BaseException as fault:
            self._break(link, fault)
            raise
        finally:
            self._forget(link)
            await link.connection.close()

    def _retire(self, link: _Link, refusal: Refusal) -> Refusal:
        """Send nothing more on a connection whose server takes no writes; returns the refusal, saying so."""
        now = self._loop.time()
        if link is self._link and now - self._demoted_at >= DEMOTION_INTERVAL:
            self._link, self._demoted_at = None, now
            self._retired.add(link)
            self._demoted()
        return refusal if link is self._link else replace(refusal, ended_connection=True)

    def _break(self, link: _Link, fault: BaseException) -> None:
        """Give a connection up: it is unknown which of the commands sent on it were executed."""
        self._forget(link)
        sent, link.sent = link.sent, deque()
        self._under_way -= len(sent)
        self._fail([answer for _, answer in sent], fault)
        self._note_idle()
        if link.reader is not None and link.reader is not asyncio.current_task():
            link.reader.cancel()

    def _forget(self, link: _Link) -> None:
        if link is self._link:
            self._link = None
        self._retired.discard(link)
        if link.timer is not None:
            link.timer.cancel()
            link.timer = None

    def _take(self) -> list[tuple[bytes, Answer | None]]:
        taken, self._waiting = self._waiting, []
        return taken

    def _fail(self, answers: Sequence[Answer | None], fault: BaseException) -> None:
        for answer in answers:
            if answer is not None and not answer.done():
                answer.set_exception(copy_for_waiter(fault))

    def _start_timer(self, link: _Link) -> None:
        if link.timer is None and link.sent:
            link.timer = self._loop.call_at(link.sent[0][0] + COMMAND_TIMEOUT, self._check_oldest, link)

    def _check_oldest(self, link: _Link) -> None:
        """Give the connection up if its oldest reply is overdue."""
        link.timer = None
        if link.sent and link.sent[0][0] + COMMAND_TIMEOUT <= self._loop.time():
            self._break(link, TimeoutError(f"no reply within {COMMAND_TIMEOUT:.0f} s"))
        self._start_timer(link)
