"""Receives revocations from Redis: SUBSCRIBE, on a connection of its own.

PUBLISH is part of the script that revokes. In a cluster each node forwards a message to all others, so any node serves
to subscribe. A message that was not forwarded is found when the subscriber reads `revoked_since` after a silence. Other
users of the server may publish as well: what is heard is looked up (`stores/doorbell.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from gatepass.errors import StoreUnavailable
from gatepass.ports import Subscription
from gatepass.stores.doorbell import Doorbell
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import Connection, Reply
from gatepass.stores.redis.layout import pack_command

PING_TIMEOUT = 1.0
"""Seconds for the confirmation of SUBSCRIBE, and for the reply to a PING that tests the connection."""
_LOST = "The connection that receives revocations was lost."


@asynccontextmanager
async def listening(cluster: Cluster, channel: bytes) -> AsyncIterator[Subscription]:
    """Receive the messages of `channel`. Raises StoreUnavailable."""
    generation = cluster.generation
    connection = await cluster.new_connection()
    listener: _Listener | None = None
    try:
        await connection.send(pack_command(b"SUBSCRIBE", channel))
        async with asyncio.timeout(PING_TIMEOUT):
            confirmation = await connection.receive()
        if not isinstance(confirmation, list):
            raise StoreUnavailable from RuntimeError(f"SUBSCRIBE was refused: {confirmation!r}")
        listener = _Listener(connection, is_current=lambda: cluster.generation == generation)
        yield listener
    except TimeoutError as late:
        raise StoreUnavailable from late
    finally:
        if listener is not None:
            await listener.close()
        await connection.close()


class _Listener:
    def __init__(self, connection: Connection, *, is_current: Callable[[], bool]) -> None:
        """`is_current`: whether no other server may answer than when the connection was made."""
        self._connection = connection
        self._is_current = is_current
        self._doorbell = Doorbell()
        self._wake = asyncio.Event()
        self._fault: StoreUnavailable | None = None
        self._reader = asyncio.create_task(self._read())

    async def next(self, within: float) -> Sequence[bytes]:
        if not await self._is_woken(within):
            await self._connection.send(pack_command(b"PING"))  # a silent connection may be broken
            if not await self._is_woken(PING_TIMEOUT):
                raise StoreUnavailable(_LOST)
        if self._fault is not None or not self._is_current():
            raise StoreUnavailable(_LOST) from self._fault
        self._wake.clear()
        return self._doorbell.take()

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _is_woken(self, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _read(self) -> None:
        while self._fault is None:
            try:
                self._receive(await self._connection.receive())
            except StoreUnavailable as lost:
                self._fault = lost
            except Exception as fault:  # a reader that ends unseen would leave `next` without news for ever
                self._fault = StoreUnavailable()
                self._fault.__cause__ = fault
            self._wake.set()

    def _receive(self, reply: Reply) -> None:
        """Keep a message. The reply to a PING is none, so `next` returns nothing and its caller reads the store."""
        match reply:
            case [b"message", bytes(), bytes(text)]:
                self._doorbell.ring(text.decode("ascii", "replace"))
