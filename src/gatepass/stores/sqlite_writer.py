"""One thread that owns the only connection to a SQLite file, and commits in groups.

SQLite has one writer at a time, and a commit costs a disk flush. So all work of a process goes through one
queue: the thread takes whatever waits there, runs it in one transaction, flushes once, and answers everybody.
Under load fifty refreshes share a flush; alone, a refresh waits for nobody. One connection also keeps clear of
the WAL-reset defect of SQLite 3.7.0 to 3.51.2, which needs two connections that write.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gatepass.errors import ConfigurationError, StoreUnavailable

logger = logging.getLogger("gatepass.stores.sqlite")

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

MAX_BATCH = 256
"""Operations per commit: beyond that the saved flush is nothing, and the first of them waits longer."""
MAX_QUEUE = 10_000
"""Waiting operations: about half a second of work here. More would only be answered after clients gave up."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs functions of a connection on its thread. `open` first; `run` from any event loop; `close` last."""

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_open = False

    async def open(self, prepare: Work[None]) -> None:
        """Connect, run `prepare` on the thread, and take work from then on. Raises what `prepare` raises."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(prepare, ready), name="gatepass-sqlite", daemon=True)
        self._thread.start()
        await asyncio.wrap_future(ready)
        self._is_open = True

    async def run(self, work: Work[Result]) -> Result:
        """The result of `work` once it is committed and flushed. Raises StoreUnavailable."""
        if not self._is_open:
            raise StoreUnavailable("The store is not open.")
        if self._jobs.qsize() >= MAX_QUEUE:
            raise StoreUnavailable("The store has more to do than it can; try again.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._jobs.put(_Job(work, loop, future))
        return await future

    async def close(self) -> None:
        """Finish what was accepted, then end the thread. Idempotent."""
        self._is_open = False
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join)

    def _live(self, prepare: Work[None], ready: Future[None]) -> None:
        try:
            connection = connect(self._path, busy_timeout=self._busy_timeout)
            prepare(connection)
        except Exception as fault:
            ready.set_exception(_as_configuration(fault, self._path))
            return
        ready.set_result(None)
        with contextlib.closing(connection):
            while (batch := self._next_batch()) is not None:
                self._commit(connection, batch)
                self._answer(batch)

    def _next_batch(self) -> list[_Job] | None:
        """What waits now, at least one; None at the end. The end marker is put back behind accepted work."""
        job = self._jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH or self._jobs.empty():
                return batch
            job = self._jobs.get()
        if batch:
            self._jobs.put(None)
            return batch
        return None

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._do(connection, job)
            connection.execute("COMMIT")
        except Exception as fault:  # every future of the batch learns of it
            logger.error("SQLite could not commit %d operations: %s", len(batch), fault)
            for job in batch:
                job.error = job.error or _ill(fault)
            self._roll_back(connection)

    def _do(self, connection: sqlite3.Connection, job: _Job) -> None:
        try:
            job.result = job.work(connection)
        except Exception as fault:
            # A fault of one operation undid its own statement; one that undid the transaction ends the batch.
            job.error = _ill(fault) if isinstance(fault, sqlite3.Error) else fault
            if not connection.in_transaction:
                raise

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                logger.exception("SQLite could not roll back")

    def _answer(self, batch: list[_Job]) -> None:
        """One wake-up for each event loop that waits."""
        for loop in {job.loop for job in batch}:
            mine = [job for job in batch if job.loop is loop]
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
                loop.call_soon_threadsafe(_resolve, mine)


def connect(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """A connection with our settings: WAL, and a flush at every commit, so that what is acknowledged stays."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, cached_statements=64)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # its task was cancelled: what it did stands
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _ill(fault: Exception) -> StoreUnavailable:
    unavailable = StoreUnavailable()
    unavailable.__cause__ = fault
    return unavailable


def _as_configuration(fault: Exception, path: Path) -> Exception:
    if isinstance(fault, ConfigurationError):
        return fault
    if isinstance(fault, OSError | sqlite3.Error):
        return ConfigurationError(f"Cannot use {path} as a SQLite database: {fault}.")
    return fault
