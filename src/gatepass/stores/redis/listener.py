"""News of revocations from Redis: SUBSCRIBE on a connection of its own.

PUBLISH is part of the script that revokes. In a cluster every node passes it on to all others, so it does not matter
which one we listen to. A message that a node did not pass on is found by the look that follows each silence.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gatepass.errors import StoreUnavailable
from gatepass.ports import Revocation, Subscription
from gatepass.stores.redis.cluster import Nodes
from gatepass.stores.redis.connection import Reply, Wire
from gatepass.stores.redis.layout import pack_command

PATIENCE = 1.0
"""Seconds for the answer to a PING that proves contact."""


def message(sid: bytes, at: int) -> bytes:
    """What is published of a revocation."""
    return b"%s %d" % (sid.hex().encode(), at)


@asynccontextmanager
async def listening(nodes: Nodes, channel: bytes) -> AsyncIterator[Subscription]:
    """Hear of what is told on `channel`. Raises StoreUnavailable."""
    wire = await nodes.dial()
    listener: _Listener | None = None
    try:
        await wire.send(pack_command(b"SUBSCRIBE", channel))
        async with asyncio.timeout(PATIENCE):
            confirmation = await wire.receive()
        if not isinstance(confirmation, list):
            raise StoreUnavailable from RuntimeError(f"SUBSCRIBE was refused: {confirmation!r}")
        listener = _Listener(wire)
        yield listener
    except TimeoutError as late:
        raise StoreUnavailable from late
    finally:
        if listener is not None:
            await listener.close()
        await wire.close()


class _Listener:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._told: list[Revocation] = []
        self._happened = asyncio.Event()
        self._fault: StoreUnavailable | None = None
        self._reader = asyncio.create_task(self._read())

    async def next(self, within: float) -> Sequence[Revocation]:
        """What was told. Raises StoreUnavailable when contact is lost."""
        if not await self._hears(within):
            await self._wire.send(pack_command(b"PING"))  # silence may be that of a connection dead without a word
            if not await self._hears(PATIENCE):
                raise StoreUnavailable("The connection that brings revocations was lost.")
        if self._fault is not None:
            raise StoreUnavailable("The connection that brings revocations was lost.") from self._fault
        self._happened.clear()
        told, self._told = self._told, []
        return told

    async def close(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _hears(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self._happened.wait()
        except TimeoutError:
            return False
        return True

    async def _read(self) -> None:
        while self._fault is None:
            try:
                self._take(await self._wire.receive())
            except StoreUnavailable as lost:
                self._fault = lost
            self._happened.set()

    def _take(self, reply: Reply) -> None:
        """A message, or the answer to our PING, which tells nothing: then somebody should look."""
        match reply:
            case [b"message", bytes(), bytes(text)]:
                sid, _, at = text.partition(b" ")
                self._told.append(Revocation(bytes.fromhex(sid.decode()), int(at)))
