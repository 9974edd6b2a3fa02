"""Sign-ins and revocations that are acknowledged only when enough servers have them (`wait=`, `waitaof=`).

WAIT and WAITAOF hold up the connection they come on, for as long as it takes: up to a second under appendfsync
everysec. So they have a connection of their own, and one of them vouches for all writes that came before it: what
arrives while one is under way goes together behind it.

In front of each stands a small write of our own, the seal. Without one the server would count a repeated revocation,
which writes nothing, as durable at once, although the first one may not be. Writes, seal and wait go out in one piece
on one connection, so a server that fails over or restarts between them is noticed: the connection breaks, and nobody is
told that it was done.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.connection import Line, Refusal, Reply, Spawn, told
from gatepass.stores.redis.layout import pack_command

WAIT_TIMEOUT = 3.0
"""Seconds for the replicas and the disk: below the patience for a command, so that the server speaks first."""

SEAL_TTL = b"60"
"""Seconds until the seal is gone again."""


@dataclass(frozen=True, slots=True)
class Durability:
    """How many replicas must have a write, and how many servers must have it on disk, the primary first."""

    replicas: int = 0
    disks: int = 0

    @property
    def commands(self) -> Sequence[bytes]:
        """What to ask a server behind a write."""
        patience = b"%d" % (WAIT_TIMEOUT * 1_000)
        wait = pack_command(b"WAIT", b"%d" % self.replicas, patience)
        wait_aof = pack_command(b"WAITAOF", b"1", b"%d" % (self.disks - 1), patience)
        return [command for command, is_asked in ((wait, self.replicas), (wait_aof, self.disks)) if is_asked]

    def check(self, replies: Sequence[Reply]) -> None:
        """Raises StoreUnavailable where the answers to `commands` are not enough."""
        for reply in replies:
            match reply:
                case int(replicas) if replicas >= self.replicas:
                    continue
                case [int(own), int(others)] if own >= 1 and others >= self.disks - 1:
                    continue
                case Refusal(_, text):
                    raise StoreUnavailable from RuntimeError(text)
                case _:
                    raise StoreUnavailable("Too few servers have it; try again.")


@dataclass(slots=True, eq=False)
class _Job:
    commands: Sequence[bytes]
    seal: bytes
    answer: asyncio.Future[Reply]


class Barrier:
    """A line behind which everything is durable. For one event loop."""

    def __init__(self, line: Line, durability: Durability, *, spawn: Spawn) -> None:
        self.line = line
        self._durability = durability
        self._spawn = spawn
        self._waiting: list[_Job] = []
        self._is_busy = False

    def put(self, *commands: bytes, seal: bytes) -> asyncio.Future[Reply]:
        """The reply to the last of these commands, once durable. `seal` is a key of the same slot."""
        job = _Job(commands, seal, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if not self._is_busy:
            self._is_busy = True
            self._spawn(self._deliver())
        return job.answer

    async def _deliver(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._send(batch)
        finally:
            self._is_busy = False

    async def _send(self, batch: Sequence[_Job]) -> None:
        """Everything is put within one turn of the loop: it goes out on one connection, or not at all."""
        try:
            asked = [self.line.put(*job.commands) for job in batch]
            seal = self.line.put(pack_command(b"SET", batch[-1].seal, b"", b"EX", SEAL_TTL))
            waits = [self.line.put(command) for command in self._durability.commands]
        except StoreUnavailable as fault:
            _fail(batch, fault)
            return
        replies = await asyncio.gather(*asked, seal, *waits, return_exceptions=True)
        for job, reply in zip(batch, replies, strict=False):
            if isinstance(reply, Refusal):  # it was not done, so there is nothing to wait for: it finds its way first
                _answer(job, reply)
        try:
            self._durability.check(_sound(replies[len(batch) :])[1:])
            for job, reply in zip(batch, _sound(replies), strict=False):
                _answer(job, reply)
        except StoreUnavailable as fault:
            _fail(batch, fault)


def _answer(job: _Job, reply: Reply) -> None:
    if not job.answer.done():
        job.answer.set_result(reply)


def _sound(replies: Sequence[Reply | BaseException]) -> Sequence[Reply]:
    """The replies themselves. Raises the first StoreUnavailable among them."""
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
    return [reply for reply in replies if not isinstance(reply, BaseException)]


def _fail(batch: Sequence[_Job], fault: StoreUnavailable) -> None:
    for job in batch:
        if not job.answer.done():
            job.answer.set_exception(told(fault))
