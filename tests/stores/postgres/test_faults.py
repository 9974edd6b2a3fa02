"""What a network, a server and a caller can do to the PostgreSQL store: which callers get an error, and when."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]
import pytest

from gatepass.core.session import Session
from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres import pool, swap_batches
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of, swapped
from tools.services.patience import PATIENCE, patience
from tools.services.postgres import (
    PostgresServer,
    connected,
    empty_database,
    execute,
    new_database,
    private_server,
    query,
    until_a_lock_is_waited_for,
)
from tools.services.tcp import FaultyNetwork

pytestmark = pytest.mark.slow

Verb = Callable[[PostgresStore], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "swap": lambda store: store.swap(swap_of(session_of(account_of()))),
    "find": lambda store: store.find(bytes(16)),
    "add": lambda store: store.add(session_of(account_of("nobody")), credential_version=1),
    "revoke": lambda store: store.revoke(bytes(16), reason="revoked", now=NOW),
    "change_password": lambda store: store.change_password(
        account_of().id, password_hash="x", credential_version=1, now=NOW, keep=None
    ),
    "ping": lambda store: store.ping(),
    "prune": lambda store: store.prune(before=1, limit=1),
}


@pytest.fixture
async def store() -> AsyncIterator[PostgresStore]:
    store = PostgresStore(await empty_database())
    await store.open()
    yield store
    await store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A durable server for this file only, which a test may kill."""
    with private_server() as server:
        yield server


@pytest.fixture
async def mortal(server: PostgresServer) -> AsyncIterator[PostgresStore]:
    """An open store on it."""
    store = PostgresStore(await new_database(server))
    await store.open()
    yield store
    await store.close()


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


async def reopened(store: PostgresStore, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Open the store again, with connections that have these session settings."""
    for name, value in settings.items():
        monkeypatch.setitem(pool._SESSION_SETTINGS, name, value)
    await store.close()
    await store.open()


async def outcome(work: Awaitable[object]) -> str:
    """The outcome of a verb: done or unavailable. Any other exception is raised."""
    try:
        await work
    except StoreUnavailable:
        return "unavailable"
    return "done"


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


async def test_what_was_acknowledged_is_there_after_a_crash(mortal: PostgresStore, server: PostgresServer) -> None:
    row = await signed_in(mortal)
    rows = [await signed_in(mortal, name="bob", device=f"{number}") for number in range(20)]
    for _ in range(20):
        row = await swapped(mortal, row)
    server.kill()
    assert await outcome(mortal.find(row.sid)) == "unavailable"
    server.start()
    assert await mortal.find(row.sid) == row
    assert [await mortal.find(each.sid) for each in rows] == rows


@asynccontextmanager
async def without_standby(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """In the block no commit is confirmed by the synchronous standby, as on a primary that was cut off."""
    await execute(store._url.dsn, "ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    await execute(store._url.dsn, "SELECT pg_reload_conf()")
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT", 0.5)
    await store.close()  # the connections that are open have the earlier timeout
    async with patience():
        while await query(store._url.dsn, "SHOW synchronous_standby_names") != ["gone"]:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT", PATIENCE)
    await store.open()
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT", 0.5)
    try:
        yield
    finally:
        monkeypatch.setattr(pool, "COMMAND_TIMEOUT", PATIENCE)
        await execute(store._url.dsn, "ALTER SYSTEM RESET synchronous_standby_names")
        await execute(store._url.dsn, "SELECT pg_reload_conf()")
        await store.close()
    await store.open()


REVOCATIONS: dict[str, Callable[[PostgresStore, Session], Awaitable[object]]] = {
    "revoke": lambda store, session: store.revoke(session.sid, reason="revoked", now=NOW),
    "revoke_all": lambda store, session: store.revoke_all(session.account_id, reason="revoked", now=NOW),
    "revoke_all but one": lambda store, session: store.revoke_all(
        session.account_id, reason="revoked", now=NOW, keep=session.sid
    ),
    "change_password": lambda store, session: store.change_password(
        session.account_id, password_hash="x", credential_version=1, now=NOW, keep=None
    ),
    "disable_account": lambda store, session: store.disable_account(session.account_id, now=NOW),
    "delete_account": lambda store, session: store.delete_account(session.account_id, now=NOW),
}


@pytest.mark.parametrize("name", REVOCATIONS)
async def test_a_revocation_that_was_not_acknowledged_is_not_by_asking_again(
    name: str, mortal: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await signed_in(mortal)
    await signed_in(mortal, device="phone")
    async with without_standby(mortal, monkeypatch):
        for _ in range(3):
            assert await outcome(REVOCATIONS[name](mortal, session)) == "unavailable"
            # What waits for the standby becomes visible on the primary alone, as it does by a cancel request.
            waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            await query(mortal._url.dsn, waiting)
    assert await outcome(REVOCATIONS[name](mortal, session)) == "done"


async def test_a_look_at_a_primary_that_was_cut_off_proves_nothing(
    mortal: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await signed_in(mortal)
    await mortal.revoke(session.sid, reason="revoked", now=NOW)
    async with without_standby(mortal, monkeypatch):
        assert await outcome(mortal.revoked_since(NOW)) == "unavailable"
        assert await mortal.find(session.sid) is not None, "it answers readers"
    assert [revocation.sid for revocation in await mortal.revoked_since(NOW)] == [session.sid]


async def test_news_end_with_the_server_and_can_be_had_again(mortal: PostgresStore, server: PostgresServer) -> None:
    session = await signed_in(mortal)
    async with mortal.subscribe() as news:
        server.stop()
        with pytest.raises(StoreUnavailable):
            async with patience():
                while True:
                    await news.next(60)
    with pytest.raises(StoreUnavailable):
        async with mortal.subscribe():
            pass
    server.start()
    async with mortal.subscribe() as news:
        await mortal.revoke(session.sid, reason="revoked", now=NOW)
        assert list(await news.next(PATIENCE)) == [session.sid]


async def test_news_of_very_many_revocations_are_that_one_should_look(store: PostgresStore) -> None:
    account = account_of()
    await store.add_account(account)
    await asyncio.gather(*(store.add(session_of(account, f"{n}"), credential_version=1) for n in range(150)))
    async with store.subscribe() as news:
        assert len(await store.revoke_all(account.id, reason="revoked", now=NOW)) == 150
        assert list(await news.next(PATIENCE)) == []
    assert len(await store.revoked_since(NOW)) == 150


async def test_rows_that_somebody_holds_stop_no_other_refresh_and_no_other_verb(store: PostgresStore) -> None:
    """As many as there are connections, each with refreshes and sign-outs of its own."""
    held = [await signed_in(store, name="held", device=f"{number}") for number in range(5)]
    others = [await signed_in(store, device=f"{number}") for number in range(100)]
    async with connected(store._url.dsn) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute(
            "SELECT 1 FROM gatepass.session WHERE sid = ANY($1::bytea[]) FOR UPDATE", [row.sid for row in held]
        )
        swaps = [asyncio.create_task(store.swap(swap_of(row))) for row in held]
        ends = [asyncio.create_task(store.revoke(row.sid, reason="revoked", now=NOW)) for row in held]
        async with patience():
            for _ in range(2):
                swapped_rows = await asyncio.gather(*(store.swap(swap_of(row)) for row in others))
                others = [row for row in swapped_rows if row is not None]
            assert [row.generation for row in others] == [1] * 100
        assert not any(task.done() for task in swaps + ends), "they wait for their rows"
        await transaction.commit()
    async with patience():
        await asyncio.gather(*swaps)
        assert all(await asyncio.gather(*ends))


async def test_a_swap_whose_row_is_held_for_long_is_unavailable_and_not_done_later(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_batches, "MAX_BLOCKED", 0.0)
    session, other = await signed_in(store), await signed_in(store, device="phone")
    async with connected(store._url.dsn) as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM gatepass.session WHERE sid = $1 FOR UPDATE", session.sid)
        outcomes = await asyncio.gather(*(outcome(store.swap(swap_of(row))) for row in (session, other)))
        assert outcomes == ["unavailable", "done"]
        assert await outcome(store.swap(swap_of(session))) == "unavailable"
    assert await store.swap(swap_of(session)) is not None


async def test_swaps_and_revocations_of_the_same_sessions_never_wait_in_a_circle(store: PostgresStore) -> None:
    others = [PostgresStore(store._url.dsn) for _ in range(2)]
    for other in others:
        await other.open()
    account = account_of()
    await store.add_account(account)
    for turn in range(5):
        sessions = [session_of(account, f"{turn} {number}") for number in range(40)]
        await asyncio.gather(*(store.add(session, credential_version=1) for session in sessions))
        work: list[Awaitable[object]] = [store.swap(swap_of(row)) for row in sessions]
        work += [others[0].swap(swap_of(row)) for row in reversed(sessions)]
        work.append(others[1].revoke_all(account.id, reason="revoked", now=NOW))
        assert "unavailable" not in await asyncio.gather(*map(outcome, work))
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert (await store._row(deadlocks))[0] == 0
    for other in others:
        await other.close()


async def test_a_batch_that_lost_against_another_transaction_is_done_again_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under another isolation level the losing transaction gets an error instead of an empty result."""
    monkeypatch.setitem(pool._SESSION_SETTINGS, "default_transaction_isolation", "repeatable read")
    store = PostgresStore(await empty_database())
    await store.open()
    session, other = await signed_in(store), await signed_in(store, device="phone")
    async with connected(store._url.dsn) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("UPDATE gatepass.session SET generation = 99 WHERE sid = $1", session.sid)
        swaps = [asyncio.create_task(store.swap(swap_of(row))) for row in (session, other)]
        await until_a_lock_is_waited_for(holder)
        await transaction.commit()
    results = await asyncio.gather(*swaps)
    assert [row is not None for row in results] == [False, True]
    await store.close()


async def test_a_cancelled_caller_harms_nobody_and_what_it_asked_for_is_done(store: PostgresStore) -> None:
    session, other = await signed_in(store), await signed_in(store, device="phone")
    tasks = [
        asyncio.create_task(store.swap(swap_of(session))),
        asyncio.create_task(store.revoke(other.sid, reason="revoked", now=NOW)),
    ]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    await store.open()
    swapped_row, revoked_row = await store.find(session.sid), await store.find(other.sid)
    assert swapped_row is not None
    assert revoked_row is not None
    assert (swapped_row.generation, revoked_row.revoked_at) == (0, NOW)


async def test_many_callers_at_once_get_by_with_few_connections(store: PostgresStore) -> None:
    session = await signed_in(store)
    found = await asyncio.gather(*(store.find(session.sid) for _ in range(200)))
    assert found == [session] * 200
    assert len(store._pool._idle) == store._pool._count <= 4


async def test_work_accepted_before_closing_is_finished(store: PostgresStore) -> None:
    sessions = [await signed_in(store, device=f"{number}") for number in range(200)]
    pending = [asyncio.create_task(store.swap(swap_of(session))) for session in sessions]
    await asyncio.sleep(0)
    await store.close()
    assert store._pool._count == 0
    assert None not in await asyncio.gather(*pending)


async def test_a_closed_store_says_so(store: PostgresStore) -> None:
    await store.close()
    await store.close()
    for verb in VERBS.values():
        assert await outcome(verb(store)) == "unavailable"
    with pytest.raises(StoreUnavailable):
        async with store.subscribe():
            pass
    await store.open()
    await store.ping()


def test_a_loop_that_ended_without_closing_leaves_nothing_to_the_next_one() -> None:
    store = PostgresStore(asyncio.run(empty_database()))

    async def use(*, close: bool) -> None:
        await store.open()
        session = await signed_in(store)
        assert await store.swap(swap_of(session)) is not None
        if close:
            await store.close()
        else:
            for idle in store._pool._idle:  # as a loop does with its sockets when it ends
                idle.connection.terminate()

    asyncio.run(use(close=False))
    asyncio.run(empty_database())
    asyncio.run(use(close=True))


async def test_another_event_loop_is_told_to_take_a_store_of_its_own(store: PostgresStore) -> None:
    told: list[BaseException] = []

    def ask() -> None:
        try:
            asyncio.run(store.ping())
        except RuntimeError as refused:
            told.append(refused)

    thread = threading.Thread(target=ask)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert "one for each loop" in str(told[0])


async def test_a_value_that_does_not_fit_is_its_caller_s_mistake_and_is_not_quoted(store: PostgresStore) -> None:
    with pytest.raises(TypeError) as mistake:
        await store.find("canary")  # type: ignore[arg-type]
    assert "canary" not in f"{mistake.value} {mistake.value.__cause__} {mistake.value.__suppress_context__}"
    await store.ping()


async def test_an_ill_store_names_the_cause_to_the_log_without_the_values_of_the_row(store: PostgresStore) -> None:
    session = await signed_in(store)
    with pytest.raises(StoreUnavailable) as ill:
        await store.add(session, credential_version=1)
    assert isinstance(ill.value.__cause__, asyncpg.PostgresError)
    assert session.sid.hex() not in f"{ill.value} {ill.value.__cause__}"


async def test_nothing_is_left_behind_after_closing(store: PostgresStore) -> None:
    await asyncio.gather(*(store.ping() for _ in range(10)))
    await store.close()
    gc.collect()  # an open connection would warn, and a warning fails the test
    assert store._pool._count == 0
