"""One thread that owns the only connection that writes a SQLite file, and commits in groups.

SQLite has one writer at a time, and a commit costs a disk flush. So all work of a process goes through one
queue: the thread takes all that waits there, runs it in one transaction, flushes once, and answers every caller.
Under load many operations share a commit; a single operation never waits for others. What one iteration of an event
loop asks for is put into the queue together: the thread wakes once for it, and the loop has its work behind it. One
connection also avoids the WAL-reset defect of SQLite 3.7.0 to 3.51.2, which needs two connections that write. Another
thread of this kind, with a connection that cannot write, reads.

A sign-in and a revocation are flushed to the disk before they are acknowledged. A refresh is committed but not
flushed by itself: a power cut may undo the last ones (a killed process does not), and then the table recovers them
from the tokens that clients present (PROTOCOL §3, §4).

An error reaches exactly the callers that it affects. A full disk, a lock held by another program, a deleted file:
StoreUnavailable for that operation, or for its whole batch if nothing could be committed. A mistake of a caller (a
value that cannot be bound) is raised as it is, to that caller only.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from gatepass.errors import StoreUnavailable
from gatepass.stores.deadline import in_time
from gatepass.stores.limits import MAX_WAITING
from gatepass.stores.sqlite.file import DatabaseFile, Result, Work
from gatepass.stores.unavailable import as_unavailable, overloaded

MAX_BATCH = 256
"""A batch that has so many operations takes no more: the flush saved is negligible then, and the first waits longer."""
_MISTAKES = (
    sqlite3.ProgrammingError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
)
"""Mistakes of a caller or of this program. Trying again would not help, so they do not become StoreUnavailable."""


logger = logging.getLogger("gatepass.stores.sqlite")


class Durability(IntEnum):
    """What an operation needs from the disk. A batch gets what the most demanding of its operations needs."""

    READ = 0
    COMMIT = 1
    FLUSH = 2
    ERASE = 3
    """As FLUSH, and what was deleted or replaced is in no file any more."""


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    durability: Durability
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class _Jobs:
    """What waits for the thread. Any event loop may put; the thread takes."""

    def __init__(self) -> None:
        self.count = 0
        """Jobs that were put and not taken."""
        self._lock = threading.Lock()
        self._gathering: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        """Jobs of the present iteration of each loop."""
        self._ready: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._is_closed = False

    def put(self, job: _Job) -> None:
        """Accept a job: once this iteration of its loop is over, the thread can take it. Raises StoreUnavailable."""
        loop = job.future.get_loop()
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("The store is closing.")
            if self.count >= MAX_WAITING:
                raise overloaded()
            self.count += 1
            if (gathering := self._gathering.get(loop)) is not None:
                gathering.append(job)
                return
            self._gathering[loop] = [job]
        loop.call_soon(self._hand_over, loop)

    def close(self) -> None:
        """Accept no more. What was accepted stands before the end."""
        with self._lock:
            self._is_closed = True
            for jobs in self._gathering.values():
                self._put_ready(jobs)
            self._gathering.clear()
            self._ready.put(None)

    def take(self) -> list[_Job] | None:
        """The jobs that wait now, at least one; None at the end."""
        batch = self._ready.get()
        if batch is None:
            return None
        while len(batch) < MAX_BATCH and not self._ready.empty():
            more = self._ready.get()
            if more is None:
                self._ready.put(None)
                break
            batch += more
        with self._lock:
            self.count -= len(batch)
        return batch

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._put_ready(self._gathering.pop(loop, []))

    def _put_ready(self, jobs: list[_Job]) -> None:
        for begin in range(0, len(jobs), MAX_BATCH):
            self._ready.put(jobs[begin : begin + MAX_BATCH])


class Writer:
    """Runs functions of a connection on its thread. `open` first; `run` from any event loop; `close` last."""

    def __init__(self, path: Path, *, busy_timeout: float, read_only: bool = False) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._jobs = _Jobs()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._ended: Future[None] = Future()

    async def open(self, prepare: Work[None]) -> None:
        """Connect, run `prepare` on the thread, and accept work from then on. Idempotent.

        Raises ConfigurationError; StoreUnavailable if another program holds the file at the moment.
        """
        if self._has_thread:
            return
        ready: Future[None] = Future()
        ready.set_running_or_notify_cancel()  # a cancelled `open` must not break the thread's answer
        ended: Future[None] = Future()
        ended.set_running_or_notify_cancel()
        jobs = _Jobs()
        file = DatabaseFile(self._path, self._busy_timeout, read_only=self._read_only)
        arguments = (file, jobs, prepare, ready, ended)
        thread = threading.Thread(target=_live, args=arguments, name="gatepass-sqlite", daemon=True)
        thread.start()
        try:
            await asyncio.wrap_future(ready)
        except asyncio.CancelledError:
            jobs.close()
            raise
        self._jobs, self._thread, self._ended, self._process = jobs, thread, ended, os.getpid()

    @property
    def _has_thread(self) -> bool:
        """A forked process has the object, but not the thread; `is_alive` does not know it where uWSGI forks."""
        return self._process == os.getpid() and self._thread is not None and self._thread.is_alive()

    async def run(self, work: Work[Result], *, durability: Durability) -> Result:
        """The result of `work`, once it is as durable as `durability` says. Raises StoreUnavailable.

        Cancelling the caller does not cancel the work.
        """
        if not self._has_thread:
            raise StoreUnavailable("The store is not open.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        with in_time():
            self._jobs.put(_Job(work, durability, future))
            return await future

    async def close(self) -> None:
        """Finish the accepted work, then end the thread. Idempotent; the writer can be opened again."""
        is_ours = self._process == os.getpid()  # else another thread of the parent may have held the lock of its jobs
        thread, self._thread = self._thread, None
        if thread is None or not is_ours:
            return
        self._jobs.close()
        if thread.is_alive():
            # Not to_thread(join): at the end of a process no executor accepts work, and no thread starts.
            await asyncio.wrap_future(self._ended)
            thread.join()


def _live(
    file: DatabaseFile,
    jobs: _Jobs,
    prepare: Work[None],
    ready: Future[None],
    ended: Future[None],
) -> None:
    """The body of the thread, from the first connection to the end marker."""
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(ended.set_result, None)
        at_the_end.callback(file.close)
        try:
            file.create(prepare)
        except Exception as fault:
            file.close()
            ready.set_exception(file.explain(fault))
            return
        ready.set_result(None)
        must_erase = False
        while (batch := jobs.take()) is not None:
            _serve(file, batch)
            must_erase = must_erase or max(job.durability for job in batch) is Durability.ERASE
            if must_erase:
                must_erase = not _erase(file)
            _answer(batch)


def _serve(file: DatabaseFile, batch: list[_Job]) -> None:
    try:
        connection = file.connection()
        durability = max(job.durability for job in batch)
        if durability is Durability.READ:  # reads do not need the lock that another program may hold
            _do_all(connection, batch)
            return
        file.flush_at_commit(durability >= Durability.FLUSH)
        connection.execute("BEGIN IMMEDIATE")
        _do_all(connection, batch)
        connection.execute("COMMIT")
    except Exception as fault:  # every future of the batch must get it
        for job in batch:
            job.error = job.error or as_unavailable(fault)
        file.roll_back()


def _erase(file: DatabaseFile) -> bool:
    """Empty the log. Returns False if that must be tried again after the next batch: the data are safe either way."""
    try:
        return file.erase_log()
    except sqlite3.Error:
        logger.warning("SQLite could not empty its log; deleted data are in it until it can", exc_info=True)
        return False


def _do_all(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    in_transaction = connection.in_transaction
    for job in batch:
        try:
            job.result = job.work(connection)
        except Exception as fault:
            is_store_fault = isinstance(fault, sqlite3.Error) and not isinstance(fault, _MISTAKES)
            job.error = as_unavailable(fault) if is_store_fault else fault
            # An error normally undoes its own statement only. If it undid the transaction, the batch is over.
            if in_transaction and not connection.in_transaction:
                raise


def _answer(batch: list[_Job]) -> None:
    """Resolve the futures, with one wake-up for each event loop."""
    for loop in {job.future.get_loop() for job in batch}:
        mine = [job for job in batch if job.future.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop was closed, and its callers with it
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # its caller was cancelled; the work is done all the same
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
