"""Receives revocations from PostgreSQL: LISTEN, on a connection of its own.

NOTIFY is part of the statement that revokes, so a notification arrives with the commit or not at all. Any role that may
connect can notify as well: what is heard is looked up (`stores/doorbell.py`). A pooler in transaction mode does not
support LISTEN; then the subscription polls once a second.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gatepass.errors import StoreUnavailable
from gatepass.ports import Subscription
from gatepass.stores.doorbell import Doorbell
from gatepass.stores.postgres.pool import DRIVER_ERRORS, ConnectionPool, close_connection, raise_unavailable

POLL_INTERVAL = 1.0
"""Seconds between two polls where LISTEN is not available (`SessionStore.subscribe`: at most one)."""


@asynccontextmanager
async def listening(pool: ConnectionPool, channel: str) -> AsyncIterator[Subscription]:
    """Receive the notifications of `channel`. Raises StoreUnavailable."""
    pool.check_open()
    connection = await pool.new_connection()
    try:
        yield await _Listener.start(connection, channel)
    finally:
        await close_connection(connection)


class _Listener:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._doorbell = Doorbell()
        self._wake = asyncio.Event()

    @classmethod
    async def start(cls, connection: Any, channel: str) -> "_Listener":
        listener = cls(connection)
        connection.add_termination_listener(lambda _: listener._wake.set())
        try:
            await connection.add_listener(channel, listener._receive)
        except DRIVER_ERRORS as fault:
            raise_unavailable(fault)
        return listener

    async def next(self, within: float) -> Sequence[bytes]:
        try:
            async with asyncio.timeout(within):
                await self._wake.wait()
        except TimeoutError:
            await self._test_connection()
        if self._connection.is_closed():
            raise StoreUnavailable("The connection that receives revocations was lost.")
        self._wake.clear()
        return self._doorbell.take()

    def _receive(self, *notification: Any) -> None:
        # Empty: a statement revoked too many sessions to name, or the epoch or a signing key has changed.
        self._doorbell.ring(notification[-1])
        self._wake.set()

    async def _test_connection(self) -> None:
        """A silent connection may be broken without either side having noticed."""
        try:
            await self._connection.execute("SELECT 1", timeout=1)
        except DRIVER_ERRORS as fault:
            raise_unavailable(fault)
