"""What PostgreSQL acknowledges is there after a crash, and what its standby does not have is not acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from gatepass.core.session import Session
from gatepass.errors import StoreUnavailable
from gatepass.stores.postgres import pool
from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import NOW, signed_in, swapped
from tests.stores.postgres.verbs import outcome
from tools.services.patience import PATIENCE, patience
from tools.services.postgres import PostgresServer, execute, new_database, private_server, query

pytestmark = pytest.mark.slow


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
