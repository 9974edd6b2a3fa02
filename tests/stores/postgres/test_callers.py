"""What callers of the PostgreSQL store can do to each other: rows held, calls given up, a store closed."""

import asyncio
import gc
import threading
from collections.abc import Awaitable

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres import pool, swap_batches
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of
from tests.stores.postgres.verbs import VERBS, outcome
from tools.services.patience import PATIENCE, patience
from tools.services.postgres import connected, empty_database, until_a_lock_is_waited_for

pytestmark = pytest.mark.slow


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


async def test_nothing_is_left_behind_after_closing(store: PostgresStore) -> None:
    await asyncio.gather(*(store.ping() for _ in range(10)))
    await store.close()
    gc.collect()  # an open connection would warn, and a warning fails the test
    assert store._pool._count == 0
