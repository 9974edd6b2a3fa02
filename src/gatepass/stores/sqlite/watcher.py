"""Detects what other processes have committed to a SQLite file, within some 10 ms of the commit.

    every POLL_INTERVAL   the time and size of the log beside the file: microseconds, no thread, no lock
    they have changed     PRAGMA data_version: was it another connection?
    it was                which revocations, marks, epoch and keys are new?

The times of a file only wake this process; they decide nothing. Where a file system keeps them late, SQLite's own
counter is asked every CHECK_INTERVAL all the same, and the follower looks by itself at last (PROTOCOL §7).
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gatepass.ports import CLAIMS_CHANGED
from gatepass.stores.limits import MAX_NAMED
from gatepass.stores.sqlite.file import Work

POLL_INTERVAL = 0.01
"""Seconds between two looks at the times of the log."""
CHECK_INTERVAL = 0.05
"""Seconds after which SQLite is asked, whatever the times say: 0.1 ms of work, and half the delay that P4 allows."""
SETTLING_POLLS = 3
"""Polls that ask SQLite after a change: the kernel dates files by its tick, so the next commit may look the same."""
UNNAMED_INTERVAL = 0.1
"""Seconds between two looks for nothing that has a name: each refresh of another process is a commit too."""
OVERLAP = 10
"""Seconds before the newest revocation from which on others are looked for: they may be committed later than dated."""

_NEWEST = "SELECT (SELECT max(revoked_at) FROM session WHERE revoked_at IS NOT NULL), (SELECT max(at) FROM tombstone)"
_RECENT = """
SELECT sid FROM session WHERE revoked_at >= :since
UNION ALL
SELECT sid FROM tombstone WHERE at >= :since
LIMIT :limit
"""
_MARKS = "SELECT max(number) FROM claims_mark"
_REST = """
SELECT 'epoch', at, 0 FROM epoch
UNION ALL
SELECT kid, coalesce(retired_at, -1), is_removed FROM signing_key
"""


class News(NamedTuple):
    """What a reader of the feed may not know yet. `revoked` are the sessions that ended last."""

    version: int
    revoked: frozenset[bytes]
    mark: object
    rest: object


Read = Callable[[Work[News]], Awaitable[News]]


class Watcher:
    """A subscription to one file. It names what is new; where it cannot, it names nothing, which means "look"."""

    def __init__(self, path: Path, read: Read, news: News) -> None:
        self._log = os.path.realpath(path) + "-wal"
        self._read = read
        self._news = news
        self._written = _written(self._log)
        self._unsettled = 0
        self._asked_at = self._unnamed_at = time.monotonic()
        self._is_unclear = False

    async def next(self, within: float) -> Sequence[bytes]:
        end = time.monotonic() + within
        while (now := time.monotonic()) < end:
            if self._is_due(now):
                named = await self._ask()
                if named or (self._is_unclear and now - self._unnamed_at >= UNNAMED_INTERVAL):
                    break
            await asyncio.sleep(POLL_INTERVAL)
        else:
            named = ()
        if not named:
            self._unnamed_at, self._is_unclear = time.monotonic(), False
        return named

    def _is_due(self, now: float) -> bool:
        written = _written(self._log)
        if written != self._written:
            self._written, self._unsettled = written, SETTLING_POLLS
        is_due = self._unsettled > 0 or now - self._asked_at >= CHECK_INTERVAL
        self._unsettled -= self._unsettled > 0
        return is_due

    async def _ask(self) -> Sequence[bytes]:
        """The names of what is new. Raises StoreUnavailable."""
        known = self._news
        self._asked_at = time.monotonic()
        found = await self._read(lambda connection: read_news(connection, known=known))
        if found is known:
            return ()
        self._news = found
        named = [*(found.revoked - known.revoked), *([CLAIMS_CHANGED] if found.mark != known.mark else [])]
        # Most commits of others are refreshes; but what has no name must be looked at too.
        is_clear = 0 < len(named) <= MAX_NAMED
        self._is_unclear = self._is_unclear or not is_clear or found.rest != known.rest
        return named if is_clear else ()


def read_news(connection: sqlite3.Connection, *, known: News | None = None) -> News:
    """What may be new; the same as is `known` if no other connection has committed since."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    if known is not None and version == known.version:
        return known
    newest = max((at for at in connection.execute(_NEWEST).fetchone() if at is not None), default=0)
    # One more than can be named, so that too many are seen to be too many.
    bounds = {"since": newest - OVERLAP, "limit": 2 * MAX_NAMED + 1}
    revoked = frozenset(sid for (sid,) in connection.execute(_RECENT, bounds))
    (mark,) = connection.execute(_MARKS).fetchone()
    return News(version, revoked, mark, frozenset(connection.execute(_REST)))


def _written(log: str) -> tuple[int, int]:
    """Time and size of the log; zeros where it cannot be seen."""
    try:
        status = os.stat(log)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
