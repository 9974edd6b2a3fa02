"""Of 64 tasks, threads or processes that ask for the same swap at once, exactly one wins."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gatepass.core.session import Session, Swap
from gatepass.ports import Store
from gatepass.stores import MemoryStore, open_session_store, open_store
from gatepass.stores.combined.store import CombinedStore
from gatepass.testing.records import account_of, session_of, swap_of
from tests.stores.race import among_processes, among_tasks, among_threads
from tools.services.postgres import empty_database
from tools.services.valkey import flush, shared_server

pytestmark = pytest.mark.slow

SESSIONS = 8


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "sqlite":
            return f"sqlite:///{tmp_path}/gate.db"
        case "redis":
            flush([shared_server()])
            return shared_server().url
        case _:
            return await empty_database()


def store_of(url: str) -> Store:
    """The store of this URL. Beside a store for sessions, accounts are in memory: here they need not be shared."""
    if not url.startswith("redis"):
        return open_store(url)
    return CombinedStore(sessions=open_session_store(url), accounts=MemoryStore())


async def swaps_on(store: Store) -> Sequence[Swap]:
    """One swap for each of several sessions."""
    account = account_of()
    await store.add_account(account)
    sessions = [session_of(account, f"device {number}") for number in range(SESSIONS)]
    for session in sessions:
        assert await store.add(session, credential_version=1)
    return [swap_of(session) for session in sessions]


async def prepared(url: str) -> Sequence[Swap]:
    """The swaps to race for; their sessions are in the store of this URL."""
    store = store_of(url)
    await store.open()
    swaps = await swaps_on(store)
    await store.close()
    return swaps


async def committed(url: str, swaps: Sequence[Swap]) -> Sequence[Session | None]:
    """The rows after a race."""
    store = store_of(url)
    await store.open()
    rows = [await store.find(swap.sid) for swap in swaps]
    await store.close()
    return rows


def each_once(swaps: Sequence[Swap]) -> dict[bytes, int]:
    return {swap.sid: 1 for swap in swaps}


async def test_one_of_64_tasks_wins_in_memory() -> None:
    store = open_store("memory://")
    swaps = await swaps_on(store)
    assert await among_tasks(store, swaps, count=64) == each_once(swaps)


async def test_one_of_64_tasks_wins(url: str) -> None:
    store = store_of(url)
    await store.open()
    swaps = await swaps_on(store)
    assert await among_tasks(store, swaps, count=64) == each_once(swaps)
    await store.close()


async def test_one_of_64_wins_among_threads(url: str) -> None:
    swaps = await prepared(url)
    wins = await asyncio.to_thread(among_threads, url, swaps, threads=8, tasks=8)
    assert wins == each_once(swaps)


async def test_one_of_64_wins_among_processes_and_what_it_wrote_is_there(url: str) -> None:
    swaps = await prepared(url)
    wins = await asyncio.to_thread(among_processes, url, swaps, processes=4, tasks=16)
    assert wins == each_once(swaps)
    rows = await committed(url, swaps)
    written = [(swap.generation, swap.fingerprint, swap.previous) for swap in swaps]
    assert [(row.generation, row.fingerprint, row.previous) for row in rows if row is not None] == written
