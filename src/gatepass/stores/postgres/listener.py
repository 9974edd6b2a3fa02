"""News of revocations from PostgreSQL: LISTEN on a connection of its own.

NOTIFY is part of the statement that revokes, so it comes with the commit or not at all. Behind a pooler in
transaction mode nobody can LISTEN; then the news are to look once a second.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gatepass.errors import StoreUnavailable
from gatepass.ports import Revocation, Subscription
from gatepass.stores.postgres.pool import DRIVER_ERRORS, Connections, hang_up, raise_ill

LOOK_INTERVAL = 1.0
"""Seconds between two looks where nobody can listen (ports: at most one)."""


@asynccontextmanager
async def listening(connections: Connections, channel: str) -> AsyncIterator[Subscription]:
    """Hear of what is told on `channel`. Raises StoreUnavailable."""
    connections.check_open()
    connection = await connections.dial()
    try:
        yield await _Listener.on(connection, channel)
    finally:
        await hang_up(connection)


class Silence:
    """Where nobody can listen."""

    async def next(self, within: float) -> Sequence[Revocation]:
        """Nothing, soon."""
        await asyncio.sleep(min(within, LOOK_INTERVAL))
        return ()


class _Listener:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._told: list[str] = []
        self._happened = asyncio.Event()

    @classmethod
    async def on(cls, connection: Any, channel: str) -> "_Listener":
        listener = cls(connection)
        connection.add_termination_listener(lambda _: listener._happened.set())
        try:
            await connection.add_listener(channel, listener._take)
        except DRIVER_ERRORS as fault:
            raise_ill(fault)
        return listener

    async def next(self, within: float) -> Sequence[Revocation]:
        """What was told; nothing where somebody should look. Raises StoreUnavailable when contact is lost."""
        try:
            async with asyncio.timeout(within):
                await self._happened.wait()
        except TimeoutError:
            await self._prove_contact()
        if self._connection.is_closed():
            raise StoreUnavailable("The connection that brings revocations was lost.")
        self._happened.clear()
        told, self._told = self._told, []
        return () if "" in told else tuple(_parse(item) for text in told for item in text.split(","))

    def _take(self, *notification: Any) -> None:
        self._told.append(notification[-1])
        self._happened.set()

    async def _prove_contact(self) -> None:
        """Silence may be that of a connection which is dead without a word."""
        try:
            await self._connection.execute("SELECT 1", timeout=1)
        except DRIVER_ERRORS as fault:
            raise_ill(fault)


def _parse(item: str) -> Revocation:
    sid, _, at = item.partition(" ")
    return Revocation(bytes.fromhex(sid), int(at))
