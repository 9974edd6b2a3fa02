"""What a network can do to the PostgreSQL store: which callers get an error, and when."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres import pool
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import signed_in, swap_of, swapped
from tests.stores.postgres.verbs import VERBS, outcome
from tools.services.patience import patience
from tools.services.postgres import empty_database, execute
from tools.services.tcp import FaultyNetwork

pytestmark = pytest.mark.slow


@pytest.fixture
async def network() -> AsyncIterator[FaultyNetwork]:
    """A network between store and server that can fall silent or break."""
    network = FaultyNetwork()
    yield network
    await network.close()


async def through(network: FaultyNetwork) -> PostgresStore:
    """An open store behind that network."""
    url = await empty_database()
    await network.open(int(url.rpartition(":")[2].partition("/")[0]))
    store = PostgresStore(url.replace(url.rpartition(":")[2].partition("/")[0], str(network.port)))
    await store.open()
    return store


@pytest.mark.parametrize("name", VERBS)
async def test_a_lost_connection_is_an_ill_store_and_the_next_call_gets_a_new_one(
    name: str, store: PostgresStore
) -> None:
    await signed_in(store)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query <> ''"
    await execute(store._url.dsn, f"{others} AND datname = current_database()")
    assert await outcome(VERBS[name](store)) in ("done", "unavailable")
    await store.ping()
    assert await outcome(VERBS[name](store)) == "done"


@pytest.mark.parametrize("name", VERBS)
async def test_a_connection_cut_while_a_statement_is_out_is_an_ill_store_and_nothing_is_sent_twice(
    name: str, network: FaultyNetwork
) -> None:
    store = await through(network)
    await outcome(VERBS[name](store))  # its statement is prepared
    network.hold_replies()
    work = asyncio.create_task(outcome(VERBS[name](store)))
    await network.until_a_reply_is_held()
    network.reset_all()
    assert await work == "unavailable"
    network.resume()
    assert await outcome(VERBS[name](store)) == "done"
    await store.close()


async def test_a_swap_whose_answer_was_lost_is_found_done_by_whoever_reads_the_row(network: FaultyNetwork) -> None:
    store = await through(network)
    session = await swapped(store, await signed_in(store))
    swap = swap_of(session)
    network.hold_replies()
    work = asyncio.create_task(outcome(store.swap(swap)))
    await network.until_a_reply_is_held()
    network.reset_all()
    assert await work == "unavailable"
    network.resume()
    row = await store.find(session.sid)
    assert row is not None
    assert (row.generation, row.fingerprint) == (1, swap.fingerprint)
    await store.close()


async def test_a_server_that_falls_silent_is_waited_for_so_long_and_no_longer(
    network: FaultyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT", 2.0)  # enough to open; then the server is silent
    store = await through(network)
    network.hold_replies()
    with monkeypatch.context() as short:
        for name in ("CONNECT_TIMEOUT", "WAIT_TIMEOUT"):
            short.setattr(pool, name, 0.3)
        async with patience():
            outcomes = await asyncio.gather(*(outcome(verb(store)) for verb in VERBS.values() for _ in range(5)))
    assert outcomes == ["unavailable"] * 5 * len(VERBS)
    assert store._pool._count == 0  # what they would answer next is unknown
    network.reset_all()
    network.resume()
    await store.ping()
    await store.close()


async def test_a_connection_that_was_idle_for_long_is_tried_before_anything_is_asked_of_it(
    network: FaultyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_UNTESTED_IDLE", 0)
    store = await through(network)
    session = await signed_in(store)
    network.drop_silently()  # as a firewall does: the connections stay open, and nothing passes
    assert await store.swap(swap_of(session)) is not None
    await store.close()


async def test_an_ill_store_names_the_cause_to_the_log_without_the_values_of_the_row(store: PostgresStore) -> None:
    session = await signed_in(store)
    with pytest.raises(StoreUnavailable) as ill:
        await store.add(session, credential_version=1)
    assert isinstance(ill.value.__cause__, asyncpg.PostgresError)
    assert session.sid.hex() not in f"{ill.value} {ill.value.__cause__}"
