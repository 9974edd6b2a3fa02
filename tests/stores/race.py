"""Many contenders ask for the same swap at the same moment: tasks, threads with loops of their own, processes.

All contenders wait at a start line, with an open store, and then ask for the same swaps of several sessions in the same
order. The result is how many won each swap: with a correct store it is always one.
"""

import asyncio
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from gatepass.core.session import Swap
from gatepass.ports import SessionStore
from gatepass.stores import open_session_store
from gatepass.stores.sqlite.store import SQLiteStore
from tools.services.patience import PATIENCE

Wins = Counter[bytes]


class Racer(SessionStore, Protocol):
    """A store for sessions that is opened and closed."""

    async def open(self) -> None:
        """As in ports.Store."""
        ...

    async def close(self) -> None:
        """As in ports.Store."""
        ...


async def among_tasks(store: SessionStore, swaps: Sequence[Swap], *, count: int) -> Wins:
    """`count` tasks of one event loop, on one store."""
    wins: Wins = Counter()
    for swap in swaps:
        rows = await asyncio.gather(*(store.swap(swap) for _ in range(count)))
        wins[swap.sid] += sum(row is not None for row in rows)
    return wins


def among_threads(url: str, swaps: Sequence[Swap], *, threads: int, tasks: int) -> Wins:
    """Threads, each with an event loop and a store of its own."""
    line = threading.Barrier(threads)
    found: list[Wins] = []

    def run() -> None:
        found.append(asyncio.run(_contend(url, swaps, tasks, line.wait)))

    return _sum(_join([threading.Thread(target=run) for _ in range(threads)], found))


def among_processes(url: str, swaps: Sequence[Swap], *, processes: int, tasks: int) -> Wins:
    """Processes, each with a store of its own."""
    context = multiprocessing.get_context("spawn")  # a forked process would share connections that must not be shared
    line, results = context.Barrier(processes), context.SimpleQueue()
    arguments = (url, list(swaps), tasks, line, results)
    running = [context.Process(target=_contend_in_process, args=arguments) for _ in range(processes)]
    for process in running:
        process.start()
    for process in running:
        process.join(PATIENCE)
    codes = [process.exitcode for process in running]
    assert codes == [0] * processes, f"contenders ended with {codes}"
    return _sum([results.get() for _ in running])


def _contend_in_process(  # type: ignore[no-untyped-def]  # the types of a spawn context are not public
    url: str, swaps: Sequence[Swap], tasks: int, line, results
) -> None:
    results.put(asyncio.run(_contend(url, swaps, tasks, line.wait)))


async def _contend(url: str, swaps: Sequence[Swap], tasks: int, wait: Callable[[float], object]) -> Wins:
    store: Racer = open_session_store(url)
    if isinstance(store, SQLiteStore):  # many wait for the lock of the file, and each must get it
        store = SQLiteStore(store._path, busy_timeout=PATIENCE)
    await store.open()
    try:
        wins: Wins = Counter()
        for swap in swaps:
            wait(PATIENCE)  # for all contenders, before each session: otherwise the first ones are far ahead at the end
            wins += await among_tasks(store, [swap], count=tasks)
        return wins
    finally:
        await store.close()


def _join(threads: Sequence[threading.Thread], found: list[Wins]) -> list[Wins]:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == len(threads), "a contender did not come back"
    return found


def _sum(found: Sequence[Wins]) -> Wins:
    return sum(found, Counter())
