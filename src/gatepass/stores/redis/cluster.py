"""Which node has a slot, and how a command finds its way there.

One server, Sentinel and Cluster are one thing here: a table of slots and owners, which is looked up anew when something
says that it is out of date.

What is sent a second time, and why that is safe: a command whose connection could not be made (it never went out), and
one that the server refused without doing anything: MOVED, ASK, TRYAGAIN, NOSCRIPT, READONLY. Nothing else is. A command
that went out and was not answered is StoreUnavailable, and the table of PROTOCOL §4 finds out what became of it.

Of a partitioned cluster any node may have an old view, so each look-up begins with another node.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.connection import Line, Refusal, Reply, Unreachable, Wire
from gatepass.stores.redis.durability import Barrier, Durability
from gatepass.stores.redis.layout import SLOTS, pack_command
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.topology import Owners, ask_cluster, ask_sentinel, named_by
from gatepass.stores.redis.url import Address, Host

Result = TypeVar("Result")
MAX_TURNS = 8
"""Detours of one command: a slot that is being moved costs two or three."""
LOOK_TIMEOUT = 1.0
"""Seconds for one node to say who owns what, before the next one is asked."""
LOOK_INTERVAL = 0.1
"""Seconds between two look-ups: while a primary is away every request wants one."""
PORTION = 1_000
"""Commands of one caller that are under way at a time: an account may have more sessions than a line takes."""
MOVING_PAUSE = 0.05
"""Seconds before a command is tried again whose keys are just being moved one after the other."""
_ASKING = pack_command(b"ASKING")


class Nodes:
    """All connections of a store. For one event loop: the one that opened it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._durability = Durability(address.replicas, address.disks)
        self._owners: Owners = [None] * SLOTS
        self._lines: dict[Host, Line] = {}
        self._barriers: dict[Host, Barrier] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -LOOK_INTERVAL
        self._turn = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False

    @property
    def primaries(self) -> Sequence[Host]:
        """Who owns any slot, as far as is known."""
        return sorted({owner for owner in self._owners if owner is not None})

    def owner(self, slot: int) -> Host | None:
        """Who owns a slot, as far as is known."""
        return self._owners[slot]

    @property
    def is_open(self) -> bool:
        """Whether commands are taken on this event loop."""
        return self._loop is asyncio.get_running_loop() and not self._is_closing

    async def open(self) -> None:
        """Find the owners. Raises StoreUnavailable; NotLetIn where trying again would not help."""
        self._lines, self._barriers, self._tasks = {}, {}, set()
        self._looking, self._looked_at = None, -LOOK_INTERVAL
        self._loop, self._is_closing = asyncio.get_running_loop(), False
        await self._look()

    async def close(self) -> None:
        """Finish what was accepted, then hang up. Idempotent."""
        self._is_closing = True
        while self._tasks or any(line.is_busy for line in self._all_lines()):
            if self._tasks:
                await asyncio.wait(self._tasks)
            for line in self._all_lines():
                await line.settled()
        self._loop = None
        lines = self._all_lines()
        self._lines, self._barriers = {}, {}
        for line in lines:
            await line.close()

    async def whole(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which goes on to its end when the caller is cancelled. `close` waits for it."""
        if not self.is_open:
            work.close()
            self._check_open()
            raise StoreUnavailable("The store is being closed.")
        return await asyncio.shield(self._spawn(work))

    async def run(self, call: Call, seal: bytes | None = None) -> Reply:
        """The reply to a command; once it is durable, where `seal` names a key of its slot. Raises StoreUnavailable."""
        self._check_open()
        if seal is not None and self._durability.commands:
            call = call.in_full()  # a digest that is not known would be found out behind a wait
        aside: Host | None = None
        for _ in range(MAX_TURNS):
            node = aside or self._owners[call.slot] or await self._find(call.slot)
            try:
                reply = await self._put(node, (_ASKING, call.command) if aside else (call.command,), seal=seal)
            except Unreachable:
                if not await self._has_moved(call.slot, node):
                    raise
                aside = None
                continue
            if not isinstance(reply, Refusal):
                return reply
            aside = named_by(reply.text, node) if reply.code == "ASK" else None
            call = await self._follow(reply, call, node)
        raise StoreUnavailable from RuntimeError("slots are being moved and do not come to rest")

    async def run_all(self, calls: Sequence[Call], *, seals: Sequence[bytes] | None = None) -> Sequence[Reply]:
        """The replies to many, as `run`. Where one fails, the others are done all the same."""
        self._check_open()
        found: list[Reply | BaseException] = []
        for start in range(0, len(calls), PORTION):
            portion = calls[start : start + PORTION]
            if seals is None:
                found += await self._run_portion(portion)
            else:
                pairs = zip(portion, seals[start : start + PORTION], strict=True)
                found += await asyncio.gather(*(self.run(*pair) for pair in pairs), return_exceptions=True)
        return [_sound(reply) for reply in found]

    async def ask_primaries(self, command: bytes) -> Sequence[Reply]:
        """What each of them answers."""
        self._check_open()
        return await _all([self._line(node).put(command) for node in self.primaries])

    async def dial(self) -> Wire:
        """A connection beside the others to one that owns slots. Raises StoreUnavailable."""
        self._check_open()
        for node in self._rotated(self.primaries):
            try:
                return await Wire.dial(node, self._address.login)
            except Unreachable:
                continue
        await self._look()
        owner = await self._find(0)
        return await Wire.dial(owner, self._address.login)

    async def _run_portion(self, calls: Sequence[Call]) -> Sequence[Reply | BaseException]:
        """All at once; only what has to go elsewhere has a task of its own."""
        nodes = [self._owners[call.slot] or await self._find(call.slot) for call in calls]
        waiting = [self._put(node, (call.command,)) for call, node in zip(calls, nodes, strict=True)]
        replies = await asyncio.gather(*waiting, return_exceptions=True)
        again = [place for place, reply in enumerate(replies) if isinstance(reply, Refusal | Unreachable)]
        found = await asyncio.gather(*(self.run(calls[place]) for place in again), return_exceptions=True)
        for place, reply in zip(again, found, strict=True):
            replies[place] = reply
        return replies

    async def _follow(self, refusal: Refusal, call: Call, node: Host) -> Call:
        """What to send next after a refusal. Raises StoreUnavailable."""
        match refusal.code:
            case "NOSCRIPT":
                return call.in_full()
            case "MOVED":
                self._owners[call.slot] = named_by(refusal.text, node)
                self._look_soon()
                return call
            case "ASK":
                return call
            case "TRYAGAIN":
                await asyncio.sleep(MOVING_PAUSE)
                return call
            case "READONLY" if await self._has_moved(call.slot, node):
                return call
            case "CLUSTERDOWN":
                self._look_soon()
        raise StoreUnavailable from RuntimeError(refusal.text)

    def _put(self, node: Host, commands: Sequence[bytes], *, seal: bytes | None = None) -> asyncio.Future[Reply]:
        if seal is None or not self._durability.commands:
            return self._line(node).put(*commands)
        if node not in self._barriers:
            self._barriers[node] = Barrier(self._make_line(node), self._durability, spawn=self._spawn)
        return self._barriers[node].put(*commands, seal=seal)

    def _all_lines(self) -> Sequence[Line]:
        return [*self._lines.values(), *(barrier.line for barrier in self._barriers.values())]

    def _line(self, node: Host) -> Line:
        if node not in self._lines:
            self._lines[node] = self._make_line(node)
        return self._lines[node]

    def _make_line(self, node: Host) -> Line:
        return Line(lambda: Wire.dial(node, self._address.login), spawn=self._spawn)

    async def _find(self, slot: int) -> Host:
        await self._look()
        owner = self._owners[slot]
        if owner is None:
            raise StoreUnavailable from RuntimeError(f"no node of the cluster has slot {slot}")
        return owner

    async def _has_moved(self, slot: int, node: Host) -> bool:
        await self._look()
        return self._owners[slot] not in (None, node)

    async def _look(self) -> None:
        """Look up who owns what, if nobody just did; who wants it meanwhile shares it. Raises StoreUnavailable."""
        if self._looking is None or self._looking.done():
            if asyncio.get_running_loop().time() - self._looked_at < LOOK_INTERVAL:
                return
            self._looking = self._spawn(self._discover())
            self._looking.add_done_callback(self._note_look)
        await asyncio.shield(self._looking)

    def _look_soon(self) -> None:
        """The same behind everybody's back: what goes wrong there meets the next command too."""
        if self._looking is None or self._looking.done():
            self._looking = self._spawn(self._discover())
            self._looking.add_done_callback(self._note_look)

    def _note_look(self, look: asyncio.Task[None]) -> None:
        if not look.cancelled() and look.exception() is None:
            self._looked_at = asyncio.get_running_loop().time()

    async def _discover(self) -> None:
        fault: StoreUnavailable = Unreachable()
        known = self.primaries if self._address.kind == "cluster" else ()
        for host in self._rotated(list(dict.fromkeys((*known, *self._address.hosts)))):
            try:
                async with asyncio.timeout(LOOK_TIMEOUT):
                    owners = await self._owners_by(host)
            except StoreUnavailable as found:
                fault = found
            except TimeoutError as late:
                fault = Unreachable()
                fault.__cause__ = late
            else:
                self._take(owners)
                return
        raise fault

    async def _owners_by(self, host: Host) -> Owners:
        match self._address.kind:
            case "single":
                return [host] * SLOTS
            case "sentinel":
                return await ask_sentinel(host, self._address, line=self._line)
            case "cluster":
                return await ask_cluster(host, line=self._line)

    def _take(self, owners: Owners) -> None:
        """Believe it, and let those go who own nothing any more."""
        self._owners = owners
        for node in set(self._lines) - set(self.primaries):
            self._spawn(_retire(self._lines.pop(node)))
        for node in set(self._barriers) - set(self.primaries):
            self._spawn(_retire(self._barriers.pop(node).line))

    def _rotated(self, hosts: Sequence[Host]) -> Sequence[Host]:
        """Each time another one first."""
        self._turn += 1
        start = self._turn % len(hosts) if hosts else 0
        return [*hosts[start:], *hosts[:start]]

    def _spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _check_open(self) -> None:
        """Raises StoreUnavailable before `open` and after `close`; RuntimeError on another event loop."""
        if self._loop is None:
            raise StoreUnavailable("The store is not open.")
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("A Redis store belongs to the event loop that opened it; make one for each loop.")


async def _retire(line: Line) -> None:
    await line.settled()
    await line.close()


async def _all(waiting: Sequence[Awaitable[Result]]) -> Sequence[Result]:
    """All results. Raises the first fault, once all are done."""
    return [_sound(found) for found in await asyncio.gather(*waiting, return_exceptions=True)]


def _sound(found: Result | BaseException) -> Result:
    if isinstance(found, BaseException):
        raise found
    return found
