"""How long each key lives in Redis, what is swept out, and what other versions wrote."""

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import StoreUnavailable
from gatepass.stores.redis import cluster, pipeline
from gatepass.stores.redis.layout import SHARDS
from gatepass.stores.redis.store import KEY_RETENTION
from gatepass.testing.records import NOW, account_of, swap_of
from tests.stores.redis.opened import added, keys, opened
from tools.services.valkey import ValkeyServer, flush, shared_server

pytestmark = pytest.mark.slow


async def test_keys_outlive_what_they_say_by_two_days_whatever_the_clock_of_the_server_is() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    session = await added(store, created_at=NOW - 10, expires_at=NOW + DAY)
    life, index = DAY + 10 + KEY_RETENTION, keys.account(session.account_id)
    await store.swap(swap_of(session))
    await store.revoke(session.sid, reason="revoked", now=NOW)
    assert _life(keys.row(session.sid)) == pytest.approx(life, abs=30)
    assert _life(index) == pytest.approx(life, abs=30)
    await added(store, "longer", expires_at=NOW + 9 * DAY)
    await added(store, "shorter", expires_at=NOW + 60)
    assert _life(index) == pytest.approx(9 * DAY + KEY_RETENTION, abs=30), (
        "a shorter session does not shorten the index' life"
    )
    past = await added(store, "past", created_at=1, expires_at=2)
    assert await store.find(past.sid) == past, "a clock that is decades behind loses nothing"
    await store.close()


async def test_an_account_may_have_more_sessions_than_are_under_way_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MAX_WAITING", 30)
    monkeypatch.setattr(cluster, "MAX_CONCURRENT", 25)
    flush([shared_server()])
    store = await opened(shared_server().url)
    sessions = [await added(store, f"{number}") for number in range(60)]
    assert len(await store.list_for_account(sessions[0].account_id, now=NOW)) == 60
    assert len(await store.revoke_all(sessions[0].account_id, reason="revoked", now=NOW)) == 60
    await store.close()


async def test_each_change_of_an_account_has_an_end_of_its_own_which_no_later_one_puts_off() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    crashed, later = b"c" * 16, b"l" * 16
    await store.lock("ann", by=crashed, seconds=60)
    shared_server().ask("PEXPIRE", keys.owned_lock("ann", crashed.hex().encode()).decode(), "0")  # its end has come
    assert not await store.is_locked("ann")
    await store.lock("ann", by=later, seconds=60)
    assert await store.is_locked("ann")
    await store.unlock("ann", by=later)
    assert not await store.is_locked("ann"), "the later one kept nothing of the crashed one alive"
    await store.lock("ann", by=crashed, seconds=60)
    await store.lock("ann", by=later, seconds=1)
    await store.unlock("ann", by=later)
    assert await store.is_locked("ann"), "and a shorter one cuts no other one short"
    assert 50 <= shared_server().ask("TTL", keys.account_lock("ann").decode()) <= 60
    await store.close()


async def test_a_lock_that_an_earlier_program_wrote_still_counts() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    key = keys.account_lock("ann").decode()
    shared_server().ask("SADD", key, "0123456789abcdef")
    shared_server().ask("EXPIRE", key, "60")
    assert await store.is_locked("ann")
    await store.lock("ann", by=bytes(16), seconds=60)
    await store.unlock("ann", by=bytes(16))
    assert await store.is_locked("ann")
    await store.close()


async def test_a_sign_in_sweeps_out_what_expired_long_ago() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    account = account_of()
    old = await added(store, "old", created_at=NOW - 9 * DAY, expires_at=NOW - KEY_RETENTION - 1)
    late = await added(store, "late", created_at=NOW - 9 * DAY, expires_at=NOW - KEY_RETENTION)
    new = await added(store, "new")
    assert set(await store._sids(account.id)) == {late.sid, new.sid}
    assert await store.find(old.sid) == old
    await store.close()


async def test_a_session_that_was_revoked_after_it_expired_is_pruned_by_when_it_expired() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    session = await added(store, expires_at=NOW)
    await store.revoke(session.sid, reason="revoked", now=NOW + 50)
    assert await store.prune(before=NOW + 10, limit=10) == 1
    assert list(await store.revoked_since(NOW)) == []
    await store.close()


async def test_a_row_of_another_version_is_left_alone() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    session = await added(store)
    key = keys.row(session.sid).decode()
    shared_server().ask("SETRANGE", key, "0", "\x04")
    before = shared_server().ask("GET", key)
    assert await store.swap(swap_of(session)) is None
    assert await store.revoke(session.sid, reason="revoked", now=NOW) is None
    with pytest.raises(StoreUnavailable, match="another version"):
        await store.find(session.sid)
    assert shared_server().ask("GET", key) == before
    await store.close()


async def test_the_list_of_revocations_is_one_question_to_each_shard() -> None:
    """Each server reads the list every five seconds."""
    store = await opened(shared_server().url)
    await store.revoked_since(NOW)
    before = asked(shared_server())
    await store.revoked_since(NOW)
    assert asked(shared_server()) - before == SHARDS
    await store.close()


def asked(server: ValkeyServer) -> int:
    """How many ranges of a sorted set the server was asked for."""
    (line,) = [
        line for line in server.ask("INFO", "commandstats").splitlines() if line.startswith(b"cmdstat_zrangebyscore:")
    ]
    return int(line.split(b"calls=")[1].split(b",")[0])


def _life(key: bytes) -> int:
    seconds: int = shared_server().ask("TTL", key.decode())
    return seconds
