"""Sign-ins and revocations that are acknowledged only when enough servers have them (`wait=`, `waitaof=`).

WAIT and WAITAOF block the connection on which they are sent, for up to a second under appendfsync everysec. So they
have a connection of their own, and one of them covers all writes before it: writes that arrive while one is under way
are sent together behind it.

Before each stands a small write of our own, the marker. Without it the server would count a repeated revocation, which
writes nothing, as durable at once, although the first one may not be. Writes, marker and wait are sent in one piece on
one connection, so a server that fails over or restarts between them is detected: the connection breaks, and no caller
gets an acknowledgement.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.connection import Refusal, Reply
from gatepass.stores.redis.layout import pack_command
from gatepass.stores.redis.pipeline import Pipeline, Spawn
from gatepass.stores.redis.scripts import MARK
from gatepass.stores.tasks import raise_if_error
from gatepass.stores.unavailable import copy_for_waiter

WAIT_TIMEOUT = 3.0
"""Seconds for replicas and disks: less than COMMAND_TIMEOUT, so that the server replies before the connection is given
up."""
MARKER_TTL = b"60"
"""Seconds that a marker is kept."""


@dataclass(frozen=True, slots=True)
class RequiredCopies:
    """How many replicas must have a write, and how many servers must have it on disk, the primary first."""

    replicas: int = 0
    disks: int = 0

    @property
    def commands(self) -> Sequence[bytes]:
        """The commands to send behind a write; none if nothing is required."""
        timeout = b"%d" % (WAIT_TIMEOUT * 1_000)
        wait = pack_command(b"WAIT", b"%d" % self.replicas, timeout)
        wait_aof = pack_command(b"WAITAOF", b"1", b"%d" % (self.disks - 1), timeout)
        return [command for command, is_required in ((wait, self.replicas), (wait_aof, self.disks)) if is_required]

    def check(self, replies: Sequence[Reply]) -> None:
        """Raises StoreUnavailable if the replies to `commands` show too few copies."""
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
    marker: bytes
    answer: asyncio.Future[Reply]


class DurablePipeline:
    """A pipeline whose replies are given only once the writes are durable. For one event loop."""

    def __init__(self, pipeline: Pipeline, copies: RequiredCopies, *, spawn: Spawn) -> None:
        self.pipeline = pipeline
        self._copies = copies
        self._spawn = spawn
        self._waiting: list[_Job] = []
        self._is_busy = False

    def put(self, *commands: bytes, marker: bytes) -> asyncio.Future[Reply]:
        """The reply to the last of these commands, once durable. `marker` is a key in the same slot."""
        job = _Job(commands, marker, asyncio.get_running_loop().create_future())
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
        """All is put into the pipeline with no await in between: it is sent on one connection, or not at all."""
        try:
            replies = [self.pipeline.put(*job.commands) for job in batch]
            marker = self.pipeline.put(pack_command(b"EVAL", MARK.text, b"1", batch[-1].marker, MARKER_TTL))
            waits = [self.pipeline.put(command) for command in self._copies.commands]
        except StoreUnavailable as fault:
            _fail(batch, fault)
            return
        found = await asyncio.gather(*replies, marker, *waits, return_exceptions=True)
        for job, reply in zip(batch, found, strict=False):
            if isinstance(reply, Refusal):  # nothing was written, so there is no copy to wait for
                _answer(job, reply)
        try:
            sound = [raise_if_error(reply) for reply in found]
            if isinstance(refused := sound[len(batch)], Refusal):  # without a marker the wait would cover nothing
                raise StoreUnavailable from RuntimeError(refused.text)
            self._copies.check(sound[len(batch) + 1 :])
            for job, reply in zip(batch, sound, strict=False):
                _answer(job, reply)
        except StoreUnavailable as fault:
            _fail(batch, fault)


def _answer(job: _Job, reply: Reply) -> None:
    if not job.answer.done():
        job.answer.set_result(reply)


def _fail(batch: Sequence[_Job], fault: StoreUnavailable) -> None:
    for job in batch:
        if not job.answer.done():
            job.answer.set_exception(copy_for_waiter(fault))
