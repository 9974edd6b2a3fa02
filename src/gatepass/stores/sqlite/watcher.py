"""Detects commits of other programs to a SQLite file. SQLite reports that one happened, not what it changed."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence

from gatepass.stores.sqlite.file import Work

Read = Callable[[Work[int]], Awaitable[int]]
POLL_INTERVAL = 0.05
"""Seconds between two polls, each 0.1 ms of work: half the delay that P4 allows."""


class DataVersionWatcher:
    """A subscription that polls `data_version`. It names no sessions, only the moment to read `revoked_since`."""

    def __init__(self, read: Read, version: int) -> None:
        self._read = read
        self._version = version

    async def next(self, within: float) -> Sequence[bytes]:
        end = time.monotonic() + within
        while time.monotonic() < end:
            version = await self._read(data_version)
            if version != self._version:
                self._version = version
                break
            await asyncio.sleep(POLL_INTERVAL)
        return ()


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes with each commit of another connection (`PRAGMA data_version`)."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version
