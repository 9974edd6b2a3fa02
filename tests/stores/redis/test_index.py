"""The index of an account's sessions on Redis does not grow beyond what is needed."""

from collections.abc import AsyncIterator

import pytest

from gatepass.core.session import Session
from gatepass.stores.redis.layout import Keys
from gatepass.stores.redis.store import KEY_RETENTION, MAX_REPLICATION_LAG, RedisStore
from gatepass.testing.records import NOW, account_of, session_of, swap_of
from tools.services.valkey import flush, shared_server

pytestmark = pytest.mark.slow

ANN = account_of()


@pytest.fixture
async def store() -> AsyncIterator[RedisStore]:
    flush([shared_server()])
    store = RedisStore(shared_server().url)
    await store.open()
    yield store
    await store.close()


async def added(store: RedisStore, name: str) -> Session:
    session = session_of(ANN, name)
    assert await store.add(session, credential_version=1)
    return session


def entries() -> int:
    return int(shared_server().ask("ZCARD", Keys("gatepass").account(ANN.id).decode()))


async def test_whoever_signs_in_and_out_all_day_leaves_no_more_than_the_last_minute(store: RedisStore) -> None:
    kept = await added(store, "kept")
    for number in range(300):
        now = NOW + 10 * number
        session = await added(store, f"{number}")
        await store.revoke(session.sid, reason="replaced", now=now)
        assert list(await store.list_for_account(ANN.id, now=now)) == [kept]
        assert entries() <= 1 + MAX_REPLICATION_LAG // 10 + 1


async def test_what_lives_or_ended_just_now_stays_in_it(store: RedisStore) -> None:
    live, ended = await added(store, "live"), await added(store, "ended")
    await store.revoke(ended.sid, reason="revoked", now=NOW)
    await store.list_for_account(ANN.id, now=NOW + MAX_REPLICATION_LAG)
    assert entries() == 2
    await store.list_for_account(ANN.id, now=NOW + MAX_REPLICATION_LAG + 1)
    assert entries() == 1
    assert list(await store.revoke_all(ANN.id, reason="revoked", now=NOW + MAX_REPLICATION_LAG + 1)) == [live.sid]


async def test_a_session_that_has_not_begun_yet_keeps_its_place(store: RedisStore) -> None:
    """The entry is written first; a list made in between sees an entry without a row."""
    session = session_of(ANN, "begins")
    await store._cluster.run(store._entry(session))
    assert list(await store.list_for_account(ANN.id, now=NOW + 100 * MAX_REPLICATION_LAG)) == []
    assert entries() == 1


async def test_one_that_was_swept_out_stays_over(store: RedisStore) -> None:
    session = await added(store, "over")
    await store.revoke(session.sid, reason="revoked", now=NOW)
    await store.list_for_account(ANN.id, now=NOW + MAX_REPLICATION_LAG + 1)
    assert await store.swap(swap_of(session)) is None
    assert [each.sid for each in await store.revoked_since(NOW)] == [session.sid]


async def test_one_that_lives_no_second_leaves_nothing_for_ever(store: RedisStore) -> None:
    """better-auth#10992: a life that was rounded to none was written without an end."""
    session = session_of(ANN, "short", expires_at=NOW)
    assert session.expires_at == session.created_at
    assert await store.add(session, credential_version=1)
    keys = Keys("gatepass")
    for key in (keys.row(session.sid), keys.account(ANN.id)):
        assert KEY_RETENTION - 60 < int(shared_server().ask("TTL", key.decode())) <= KEY_RETENTION


async def test_of_those_that_ended_each_is_remembered_and_forgotten_by_its_own_time(store: RedisStore) -> None:
    """1024pix/pix#17394: one end for all that was revoked let each new one keep the old, or the old end the new."""
    for number in range(3):
        session = await added(store, f"{number}")
        await store.revoke(session.sid, reason="revoked", now=NOW + 100 * number)
    assert await store.prune(before=NOW + 100, limit=10) == 1
    assert [each.at for each in await store.revoked_since(NOW)] == [NOW + 100, NOW + 200]
