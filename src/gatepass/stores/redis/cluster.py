"""Which node owns a slot, and how a command finds that node.

One server, Sentinel and Cluster are the same here: a table of slots and owners, which is discovered again when a reply
says that it is out of date.

A command is sent a second time in two cases only, and both are safe: its connection could not be opened (it was never
sent), or the server refused it without doing anything: MOVED, ASK, TRYAGAIN, NOSCRIPT, READONLY, LOADING. A command
that was sent and not answered is StoreUnavailable, and the table of PROTOCOL §4 finds out whether it was executed.

A node of a partitioned cluster may have an old view, so each discovery begins with another node.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.connection import Connection, ConnectionRejected, Refusal, Reply, Unreachable
from gatepass.stores.redis.durability import DurablePipeline, RequiredCopies
from gatepass.stores.redis.layout import SLOTS, pack_command
from gatepass.stores.redis.pipeline import Pipeline
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.topology import Owners, ask_one_of, named_by
from gatepass.stores.redis.url import Host, RedisUrl
from gatepass.stores.tasks import TaskSet, raise_if_error

Result = TypeVar("Result")
MAX_ATTEMPTS = 8
"""Times that one command is sent: a slot that is being moved costs two or three redirections."""
DISCOVERY_INTERVAL = 0.1
"""Seconds between two discoveries: while a primary is down every request asks for one."""
MAX_CONCURRENT = 1_000
"""Commands of one caller that are under way at a time: an account may have more sessions than a pipeline accepts."""
TRYAGAIN_INTERVAL = 0.05
"""Seconds before a command is sent again whose keys are being moved, one after the other, to another node."""
_ASKING = pack_command(b"ASKING")


class Cluster:
    """All connections of a store. For one event loop: the one that opened it."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self._copies = RequiredCopies(url.replicas, url.disks)
        self._owners: Owners = [None] * SLOTS
        self._pipelines: dict[Host, Pipeline] = {}
        self._durable_pipelines: dict[Host, DurablePipeline] = {}
        self._tasks = TaskSet()
        self._discovery: asyncio.Task[None] | None = None
        self._discovered_at = -DISCOVERY_INTERVAL
        self._rotation = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False
        self.generation = 0
        """Rises whenever another server may answer than before: a subscription is made again then."""

    @property
    def primaries(self) -> Sequence[Host]:
        """The nodes that own a slot, as far as is known."""
        return sorted({owner for owner in self._owners if owner is not None})

    def owner(self, slot: int) -> Host | None:
        """The node that owns a slot, as far as is known."""
        return self._owners[slot]

    @property
    def is_open(self) -> bool:
        """Whether commands are accepted on the running event loop."""
        return self._loop is asyncio.get_running_loop() and not self._is_closing

    async def open(self) -> None:
        """Discover the owners. Raises StoreUnavailable, or ConnectionRejected if trying again would not help."""
        self._pipelines, self._durable_pipelines, self._tasks = {}, {}, TaskSet()
        self._discovery, self._discovered_at = None, -DISCOVERY_INTERVAL
        self._loop, self._is_closing = asyncio.get_running_loop(), False
        await self._discover()

    async def close(self) -> None:
        """Finish the accepted work, then disconnect. Idempotent."""
        self._is_closing = True
        while self._tasks or any(pipeline.is_busy for pipeline in self._all_pipelines()):
            await self._tasks.finish()
            for pipeline in self._all_pipelines():
                await pipeline.settled()
        self._loop = None
        pipelines = self._all_pipelines()
        self._pipelines, self._durable_pipelines = {}, {}
        for pipeline in pipelines:
            await pipeline.close()

    async def shielded(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which runs to its end even if the caller is cancelled, and which `close` waits for."""
        if not self.is_open:
            work.close()
            self._check_open()
            raise StoreUnavailable("The store is being closed.")
        return await self._tasks.shielded(work)

    async def run(self, call: Call, marker: bytes | None = None) -> Reply:
        """The reply to a command. With `marker`, a key of its slot, the reply comes once the write is durable.

        Raises StoreUnavailable.
        """
        self._check_open()
        if marker is not None and self._copies.commands:
            call = call.in_full()  # with a digest, an unknown script would be found out only after the wait
        redirected_to: Host | None = None
        for _ in range(MAX_ATTEMPTS):
            node = redirected_to or self._owners[call.slot] or await self._find(call.slot)
            try:
                commands = (_ASKING, call.command) if redirected_to else (call.command,)
                reply = await self._put(node, commands, marker=marker)
            except Unreachable:
                if not await self._has_moved(call.slot, node):
                    raise
                redirected_to = None
                continue
            if not isinstance(reply, Refusal):
                return reply
            redirected_to = named_by(reply.text, node) if reply.code == "ASK" else None
            call = await self._follow(reply, call, node)
        raise StoreUnavailable from RuntimeError("slots are being moved all the time")

    async def run_all(self, calls: Sequence[Call], *, markers: Sequence[bytes] | None = None) -> Sequence[Reply]:
        """The replies to many commands, as `run`. If one fails, the others are executed all the same."""
        return [raise_if_error(reply) for reply in await self.try_all(calls, markers=markers)]

    async def try_all(
        self, calls: Sequence[Call], *, markers: Sequence[bytes] | None = None
    ) -> Sequence[Reply | BaseException]:
        """As `run_all`, with the errors of those that failed."""
        self._check_open()
        found: list[Reply | BaseException] = []
        for start in range(0, len(calls), MAX_CONCURRENT):
            portion = calls[start : start + MAX_CONCURRENT]
            if markers is None:
                found += await self._run_portion(portion)
            else:
                pairs = zip(portion, markers[start : start + MAX_CONCURRENT], strict=True)
                found += await asyncio.gather(*(self.run(*pair) for pair in pairs), return_exceptions=True)
        return found

    async def confirm(self) -> None:
        """Ask the sentinels, if there are any, whether the primary is the same. Raises StoreUnavailable."""
        if self._url.kind == "sentinel":
            self._check_open()
            await self._discover()

    async def ask_primaries(self, command: bytes) -> Sequence[Reply]:
        """The replies of all primaries to one command."""
        self._check_open()
        replies = [self._pipeline(node).put(command) for node in self.primaries]
        return [raise_if_error(reply) for reply in await asyncio.gather(*replies, return_exceptions=True)]

    async def new_connection(self) -> Connection:
        """A connection outside the pipelines, to any primary. Raises StoreUnavailable."""
        self._check_open()
        for node in self._rotated(self.primaries):
            try:
                return await self._connect(node)
            except Unreachable:
                continue
        await self._discover()
        owner = await self._find(0)
        return await self._connect(owner)

    async def _run_portion(self, calls: Sequence[Call]) -> Sequence[Reply | BaseException]:
        """All at once. Only commands that were redirected get tasks of their own."""
        nodes = [self._owners[call.slot] for call in calls]
        waiting = [
            self._put(node, (call.command,)) if node else self.run(call)
            for call, node in zip(calls, nodes, strict=True)
        ]
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
                self._discover_soon()
                return call
            case "ASK":
                return call
            case "TRYAGAIN":
                await asyncio.sleep(TRYAGAIN_INTERVAL)
                return call
            case "READONLY" | "CLUSTERDOWN" if await self._has_moved(call.slot, node) or refusal.ended_connection:
                return call
        raise StoreUnavailable from RuntimeError(refusal.text)

    def _put(self, node: Host, commands: Sequence[bytes], *, marker: bytes | None = None) -> asyncio.Future[Reply]:
        if marker is None or not self._copies.commands:
            return self._pipeline(node).put(*commands)
        if node not in self._durable_pipelines:
            made = DurablePipeline(self._make_pipeline(node), self._copies, spawn=self._tasks.spawn)
            self._durable_pipelines[node] = made
        return self._durable_pipelines[node].put(*commands, marker=marker)

    def _all_pipelines(self) -> Sequence[Pipeline]:
        return [*self._pipelines.values(), *(durable.pipeline for durable in self._durable_pipelines.values())]

    def _pipeline(self, node: Host) -> Pipeline:
        if node not in self._pipelines:
            self._pipelines[node] = self._make_pipeline(node)
        return self._pipelines[node]

    def _make_pipeline(self, node: Host) -> Pipeline:
        return Pipeline(lambda: self._connect(node), spawn=self._tasks.spawn, demoted=self._note_change)

    async def _connect(self, node: Host) -> Connection:
        if self._url.is_exposed(node):  # only hosts of this machine are in the URL, but a node names others
            raise ConnectionRejected(f"it names {node}, which is not on this machine: use TLS, or tls=off")
        return await Connection.open(node, self._url.login)

    def _note_change(self) -> None:
        self.generation += 1

    async def _find(self, slot: int) -> Host:
        await self._discover()
        owner = self._owners[slot]
        if owner is None:
            raise StoreUnavailable from RuntimeError(f"no node of the cluster has slot {slot}")
        return owner

    async def _has_moved(self, slot: int, node: Host) -> bool:
        await self._discover()
        return self._owners[slot] not in (None, node)

    async def _discover(self) -> None:
        """Discover the owners, unless that was just done; concurrent callers share one discovery.

        Raises StoreUnavailable.
        """
        if self._discovery is None or self._discovery.done():
            if asyncio.get_running_loop().time() - self._discovered_at < DISCOVERY_INTERVAL:
                return
            self._discover_soon()
        if self._discovery is not None:
            await asyncio.shield(self._discovery)

    def _discover_soon(self) -> None:
        """Discover the owners in the background. An error there also meets the next command."""
        if self._discovery is None or self._discovery.done():
            self._discovery = self._tasks.spawn(self._ask_all())
            self._discovery.add_done_callback(self._note_discovery)

    def _note_discovery(self, discovery: asyncio.Task[None]) -> None:
        if not discovery.cancelled() and discovery.exception() is None:
            self._discovered_at = asyncio.get_running_loop().time()

    async def _ask_all(self) -> None:
        known = self.primaries if self._url.kind == "cluster" else ()
        hosts = self._rotated(list(dict.fromkeys((*known, *self._url.hosts))))
        self._use(await ask_one_of(hosts, self._url, pipeline=self._pipeline))

    def _use(self, owners: Owners) -> None:
        """Use these owners from now on, and disconnect from nodes that own nothing any more."""
        if owners != self._owners:
            self._note_change()
        self._owners = owners
        for node in set(self._pipelines) - set(self.primaries):
            self._tasks.spawn(_retire(self._pipelines.pop(node)))
        for node in set(self._durable_pipelines) - set(self.primaries):
            self._tasks.spawn(_retire(self._durable_pipelines.pop(node).pipeline))

    def _rotated(self, hosts: Sequence[Host]) -> Sequence[Host]:
        """The hosts, each time with another one first."""
        self._rotation += 1
        start = self._rotation % len(hosts) if hosts else 0
        return [*hosts[start:], *hosts[:start]]

    def _check_open(self) -> None:
        """Raises StoreUnavailable before `open` and after `close`; RuntimeError on another event loop."""
        if self._loop is None:
            raise StoreUnavailable("The store is not open.")
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("A Redis store belongs to the event loop that opened it; make one for each loop.")


async def _retire(pipeline: Pipeline) -> None:
    await pipeline.settled()
    await pipeline.close()
