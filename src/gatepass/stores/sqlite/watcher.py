"""News from a SQLite file: another program has committed, so somebody should look. SQLite cannot say what."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence

from gatepass.ports import Revocation
from gatepass.stores.sqlite.file import Work

Read = Callable[[Work[int]], Awaitable[int]]
LOOK_INTERVAL = 0.05
"""Seconds between two looks for the commits of other programs, 0.1 ms of work each: half the delay that P4 allows."""


class Watch:
    """Looks at a number that changes with every commit of another connection; what it was is for `revoked_since`."""

    def __init__(self, read: Read, version: int) -> None:
        self._read = read
        self._version = version

    async def next(self, within: float) -> Sequence[Revocation]:
        """Nothing, as soon as somebody else has committed."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            version = await self._read(data_version)
            if version != self._version:
                self._version = version
                break
            await asyncio.sleep(LOOK_INTERVAL)
        return ()


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes with every commit of another connection."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version
