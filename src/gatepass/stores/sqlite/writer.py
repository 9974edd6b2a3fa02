"""One thread that owns the only connection to a SQLite file, and commits in groups.

SQLite has one writer at a time, and a commit costs a disk flush. So all work of a process goes through one
queue: the thread takes whatever waits there, runs it in one transaction, flushes once, and answers everybody.
Under load many operations share a commit; alone, one waits for nobody. One connection also keeps clear of the
WAL-reset defect of SQLite 3.7.0 to 3.51.2, which needs two connections that write.

A sign-in and a revocation are flushed to the disk before they are acknowledged. A refresh is committed but not
flushed by itself: a power cut may take the last ones back (a killed process does not), and then the table
recovers them from the tokens that clients present (PROTOCOL §3, §4).

What goes wrong reaches exactly those whom it hit. A disk that is full, a lock that is held, a file that is
gone: StoreUnavailable for that operation, or for its whole batch where nothing could be committed. A mistake
of a caller (a value that cannot be bound) is raised as it is, to that caller alone.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from gatepass.errors import StoreUnavailable
from gatepass.stores.sqlite.file import DatabaseFile, Result, Work, ill

MAX_BATCH = 256
"""Operations per commit: beyond that the saved flush is nothing, and the first of them waits longer."""
MAX_QUEUE = 10_000
"""Waiting operations: about half a second of work here. More would only be answered after clients gave up."""
_MISTAKES = (
    sqlite3.ProgrammingError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
)
"""Of a caller or of ours: trying again would not help, so they are no StoreUnavailable."""


class Effort(IntEnum):
    """What an operation asks of the disk. A batch does what the most demanding of its operations asks."""

    READ = 0
    COMMIT = 1
    FLUSH = 2


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    effort: Effort
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs functions of a connection on its thread. `open` first; `run` from any event loop; `close` last."""

    def __init__(self, path: Path, *, busy_timeout: float, read_only: bool = False) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._door = threading.Lock()
        """Nothing is put into the queue behind its end marker."""

    async def open(self, prepare: Work[None]) -> None:
        """Connect, run `prepare` on the thread, and take work from then on. Open already: nothing to do.

        Raises ConfigurationError; StoreUnavailable where another program has the file just now.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        ready: Future[None] = Future()
        ready.set_running_or_notify_cancel()  # a cancelled `open` must not break the thread's answer
        ended: Future[None] = Future()
        ended.set_running_or_notify_cancel()
        jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        file = DatabaseFile(self._path, self._busy_timeout, read_only=self._read_only)
        arguments = (file, jobs, prepare, ready, ended)
        thread = threading.Thread(target=_live, args=arguments, name="gatepass-sqlite", daemon=True)
        thread.start()
        try:
            await asyncio.wrap_future(ready)
        except asyncio.CancelledError:
            jobs.put(None)
            raise
        self._jobs, self._thread, self._ended = jobs, thread, ended

    async def run(self, work: Work[Result], *, effort: Effort) -> Result:
        """The result of `work` once it is as safe as `effort` says. Raises StoreUnavailable.

        A caller that is cancelled while it waits harms nobody; what it asked for is done all the same.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():  # a forked process has the object, but not the thread
            raise StoreUnavailable("The store is not open.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        with self._door:
            if self._thread is None:
                raise StoreUnavailable("The store is closing.")
            if self._jobs.qsize() >= MAX_QUEUE:
                raise StoreUnavailable("The store has more to do than it can; try again.")
            self._jobs.put(_Job(work, effort, future))
        return await future

    async def close(self) -> None:
        """Finish what was accepted, then end the thread. Idempotent; the writer can be opened again."""
        with self._door:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._jobs.put(None)
        if thread.is_alive():
            # Not to_thread(join): at the end of a process no pool takes work any more, and no thread starts.
            await asyncio.wrap_future(self._ended)
            thread.join()


def _live(
    file: DatabaseFile,
    jobs: queue.SimpleQueue[_Job | None],
    prepare: Work[None],
    ready: Future[None],
    ended: Future[None],
) -> None:
    """The thread: from the first connection to the end marker."""
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
        while (batch := _next_batch(jobs)) is not None:
            _serve(file, batch)
            _answer(batch)


def _serve(file: DatabaseFile, batch: list[_Job]) -> None:
    try:
        connection = file.connection()
        effort = max(job.effort for job in batch)
        if effort is Effort.READ:  # a lock that another program holds is none of their business
            _do_all(connection, batch)
            return
        file.flush_at_commit(effort is Effort.FLUSH)
        connection.execute("BEGIN IMMEDIATE")
        _do_all(connection, batch)
        connection.execute("COMMIT")
    except Exception as fault:  # every future of the batch learns of it
        for job in batch:
            job.error = job.error or ill(fault)
        file.roll_back()


def _next_batch(jobs: queue.SimpleQueue[_Job | None]) -> list[_Job] | None:
    """What waits now, at least one; None at the end. The end marker is put back behind accepted work."""
    job = jobs.get()
    batch: list[_Job] = []
    while job is not None:
        batch.append(job)
        if len(batch) == MAX_BATCH or jobs.empty():
            return batch
        job = jobs.get()
    if batch:
        jobs.put(None)
        return batch
    return None


def _do_all(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    in_transaction = connection.in_transaction
    for job in batch:
        try:
            job.result = job.work(connection)
        except Exception as fault:
            is_illness = isinstance(fault, sqlite3.Error) and not isinstance(fault, _MISTAKES)
            job.error = ill(fault) if is_illness else fault
            # A fault of one operation undid its own statement; one that undid the transaction ends the batch.
            if in_transaction and not connection.in_transaction:
                raise


def _answer(batch: list[_Job]) -> None:
    """One wake-up for each event loop that waits."""
    for loop in {job.future.get_loop() for job in batch}:
        mine = [job for job in batch if job.future.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # its task was cancelled: what it did stands
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
