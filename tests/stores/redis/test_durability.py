"""What is acknowledged when, what a server must be, how long keys live, and what a lost write means."""

import asyncio
import logging
import signal
import subprocess

import pytest

from gatepass.core.policy import DAY
from gatepass.core.session import Session
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.redis import cluster, durability, pipeline
from gatepass.stores.redis.layout import SHARDS, Keys
from gatepass.stores.redis.store import KEY_RETENTION, RedisStore
from gatepass.testing.records import NOW, account_of, session_of, swap_of
from tools.services.patience import PATIENCE
from tools.services.tcp import FaultyNetwork
from tools.services.valkey import ValkeyServer, flush, private_server, program, shared_server, until

pytestmark = pytest.mark.slow

keys = Keys("gatepass")
RIGHTS = (
    "~gatepass:* &gatepass:* +@read +@write +@connection +@scripting +@pubsub +info +time +wait +cluster|slots +role"
)
"""As in docs/guides/redis.md."""
needs_waitaof = pytest.mark.skipif(
    b"v=7.0" in subprocess.run([program(), "--version"], capture_output=True, check=True).stdout,
    reason="TEST_VALKEY names a server without WAITAOF",
)


async def opened(url: str) -> RedisStore:
    store = RedisStore(url)
    await store.open()
    return store


async def added(store: RedisStore, name: str = "laptop", **facts: object) -> Session:
    session = session_of(account_of(), name, **facts)
    assert await store.add(session, credential_version=1)
    return session


@needs_waitaof
async def test_with_waitaof_a_revocation_outlives_a_server_that_is_killed_at_once() -> None:
    with private_server() as server:
        store = await opened(server.url + "?waitaof=1")
        session = await added(store)
        assert await store.revoke(session.sid, reason="revoked", now=NOW) is not None
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.to_thread(server.start)
        row = await store.find(session.sid)
        assert row is not None
        assert row.revoked_at == NOW
        assert [revocation.sid for revocation in await store.revoked_since(NOW)] == [session.sid]
        await store.close()


@needs_waitaof
async def test_many_sign_ins_at_once_share_a_wait() -> None:
    with private_server() as server:
        store = await opened(server.url + "?waitaof=1")
        await asyncio.gather(*(added(store, f"{number}") for number in range(40)))
        stats = await asyncio.to_thread(server.ask, "INFO", "commandstats")
        (line,) = [line for line in stats.splitlines() if line.startswith(b"cmdstat_waitaof:")]
        assert int(line.split(b"calls=")[1].split(b",")[0]) <= 8, "80 writes"
        await store.close()


async def test_with_wait_a_revocation_is_on_the_replica_when_it_is_acknowledged() -> None:
    with private_server() as primary, private_server("--replicaof", "127.0.0.1", str(primary.port)) as replica:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        store = await opened(primary.url + "?wait=1")
        sessions = [await added(store, f"{number}") for number in range(20)]
        await store.revoke_all(sessions[0].account_id, reason="revoked", now=NOW)
        await asyncio.to_thread(primary.stop, signal.SIGKILL)
        await asyncio.to_thread(replica.ask, "REPLICAOF", "NO", "ONE")
        await store.close()
        survivor = await opened(replica.url)
        rows = [await survivor.find(session.sid) for session in sessions]
        assert [row and row.revoked_at for row in rows] == [NOW] * 20
        await survivor.close()


async def test_a_revocation_that_was_not_acknowledged_is_not_by_asking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "WAIT_TIMEOUT", 0.1)
    with private_server() as server:
        store = await opened(server.url + "?wait=1")
        plain = await opened(server.url)
        session = await added(plain)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="Too few"):
                await store.revoke(session.sid, reason="revoked", now=NOW)
        row = await plain.find(session.sid)
        assert row is not None
        assert row.revoked_at == NOW, "it took effect; what it lacks is the promise"
        with pytest.raises(StoreUnavailable, match="Too few"):
            await store.ping()
        assert await store.swap(swap_of(await added(plain, "other"))) is not None, "refreshes promise nothing"
        await store.close()
        await plain.close()


async def test_another_process_cannot_acknowledge_what_the_replica_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(durability, "WAIT_TIMEOUT", 0.2)
    with private_server() as primary, private_server("--replicaof", "127.0.0.1", str(primary.port)) as replica:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        one, two = await opened(primary.url + "?wait=1"), await opened(primary.url + "?wait=1")
        session = await added(one)
        assert replica._process is not None
        replica._process.send_signal(signal.SIGSTOP)
        for store in (one, two):
            with pytest.raises(StoreUnavailable, match="Too few"):
                await store.revoke(session.sid, reason="revoked", now=NOW)
        replica._process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(durability, "WAIT_TIMEOUT", PATIENCE / 2)
        assert await two.revoke(session.sid, reason="revoked", now=NOW) is None, "it was over, and now it is certain"
        await one.close()
        await two.close()


async def test_a_look_at_a_primary_that_was_cut_off_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old primary goes on taking reads and subscribers, while revocations are acknowledged by the new one."""
    monkeypatch.setattr(durability, "WAIT_TIMEOUT", 0.2)
    with private_server() as old, private_server("--replicaof", "127.0.0.1", str(old.port)) as new:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in new.ask("INFO", "replication"))
        guard = await opened(old.url + "?wait=1")
        assert list(await guard.revoked_since(NOW)) == []
        await asyncio.to_thread(new.ask, "REPLICAOF", "NO", "ONE")
        with pytest.raises(StoreUnavailable):
            await guard.revoked_since(NOW)
        await guard.close()


async def test_a_look_at_a_primary_that_became_a_replica_proves_nothing() -> None:
    with private_server() as server:
        guard = await opened(server.url)
        assert list(await guard.revoked_since(NOW)) == []
        await asyncio.to_thread(server.ask, "REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreUnavailable):
            await guard.revoked_since(NOW)
        await guard.close()


async def test_ending_all_that_have_ended_is_acknowledged_only_when_enough_servers_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(durability, "WAIT_TIMEOUT", 0.1)
    with private_server() as server:
        plain, store = await opened(server.url), await opened(server.url + "?wait=1")
        session = await added(plain)
        for keep in (session.sid, None, None):
            with pytest.raises(StoreUnavailable, match="Too few"):
                await store.revoke_all(session.account_id, reason="revoked", now=NOW, keep=keep)
        with pytest.raises(StoreUnavailable, match="Too few"):
            await store.revoke_all("without sessions", reason="revoked", now=NOW)
        await plain.close()
        await store.close()


async def test_in_full_memory_sign_ins_and_refreshes_are_unavailable_and_nothing_is_lost() -> None:
    with private_server() as server:
        store = await opened(server.url)
        session = await added(store)
        await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "1")
        for work in (added(store, "second"), store.swap(swap_of(session)), store.ping()):
            with pytest.raises(StoreUnavailable):
                await work
        assert await store.find(session.sid) == session
        await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "0")
        assert await store.swap(swap_of(session)) is not None
        await store.close()


async def test_in_full_memory_sessions_end_all_the_same_and_every_process_is_told() -> None:
    with private_server() as primary, private_server("--replicaof", "127.0.0.1", str(primary.port)) as replica:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        store = await opened(primary.url + "?wait=1")
        one, two, three = [await added(store, name) for name in ("one", "two", "three")]
        async with store.subscribe() as subscription:
            await asyncio.to_thread(primary.ask, "CONFIG", "SET", "maxmemory", "1")
            assert await store.revoke(one.sid, reason="reused", now=NOW) is not None
            assert list(await subscription.next(PATIENCE)) == [one.sid]
        assert await store.revoke(one.sid, reason="reused", now=NOW) is None, "the marker needs no memory either"
        await store.lock(one.account_id, by=bytes(16), seconds=60)
        assert list(await store.revoke_all(one.account_id, reason="revoked", now=NOW, keep=two.sid)) == [three.sid]
        await store.unlock(one.account_id, by=bytes(16))
        assert {revocation.sid for revocation in await store.revoked_since(NOW)} == {one.sid, three.sid}
        with pytest.raises(StoreUnavailable):
            await store.ping()  # nobody can sign in, so the server is not ready
        await store.close()


async def test_a_primary_that_became_a_replica_is_unavailable_for_writes() -> None:
    with private_server() as server:
        store = await opened(server.url)
        session = await added(store)
        await asyncio.to_thread(server.ask, "REPLICAOF", "127.0.0.1", "1")
        for work in (added(store, "second"), store.swap(swap_of(session)), store.ping()):
            with pytest.raises(StoreUnavailable):
                await work
        await store.close()


async def test_after_a_planned_fail_over_behind_one_name_nothing_fails_and_the_subscription_is_made_again() -> None:
    name = FaultyNetwork()
    with private_server() as old, private_server("--replicaof", "127.0.0.1", str(old.port)) as new:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in new.ask("INFO", "replication"))
        await name.open(old.port)
        store = await opened(f"redis://127.0.0.1:{name.port}?wait=1")
        session = await added(store)
        async with store.subscribe() as subscription:
            await asyncio.to_thread(new.ask, "REPLICAOF", "NO", "ONE")
            await asyncio.to_thread(old.ask, "REPLICAOF", "127.0.0.1", str(new.port))
            await asyncio.to_thread(until, lambda: b"master_link_status:up" in old.ask("INFO", "replication"))
            name.lead_to(new.port)  # connections that are open stay with the old one
            assert await store.swap(swap_of(session)) is not None
            assert await store.revoke(session.sid, reason="revoked", now=NOW) is not None
            with pytest.raises(StoreUnavailable):
                while True:
                    await subscription.next(PATIENCE)
        assert b"cmdstat_publish" in await asyncio.to_thread(new.ask, "INFO", "commandstats")
        await store.close()
        await name.close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_evicts_is_refused_and_closed_again(policy: str) -> None:
    with private_server("--maxmemory-policy", policy) as server:
        store = RedisStore(server.url)
        with pytest.raises(ConfigurationError, match="Set maxmemory-policy noeviction"):
            await store.open()
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.find(bytes(16))


async def test_a_policy_that_is_set_while_it_serves_is_found() -> None:
    with private_server() as server:
        store = await opened(server.url)
        assert list(await store.hazards()) == []
        await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        (hazard,) = await store.hazards()
        assert "Set maxmemory-policy noeviction" in hazard
        await store.close()


async def test_a_server_without_a_log_is_warned_of_and_cannot_promise_a_disk(caplog: pytest.LogCaptureFixture) -> None:
    server = ValkeyServer("--appendonly", "no")
    try:
        server.start()
        with caplog.at_level(logging.WARNING, "gatepass.redis"):
            await (await opened(server.url)).close()
        assert "Set appendonly yes" in caplog.text
        with pytest.raises(ConfigurationError, match="waitaof="):
            await opened(server.url + "?waitaof=1")
    finally:
        server.remove()


async def test_a_user_needs_no_more_rights_than_the_page_says(caplog: pytest.LogCaptureFixture) -> None:
    with private_server() as server:
        await asyncio.to_thread(server.ask, "ACL", "SETUSER", "gate", "on", ">word", *RIGHTS.split())
        store = await opened(f"redis://gate:word@127.0.0.1:{server.port}")
        assert not caplog.records
        async with store.subscribe() as news:
            session = await added(store)
            row = await store.swap(swap_of(session))
            assert await store.list_for_account(session.account_id, now=NOW) == (row,)
            await store.lock(session.account_id, by=b"test", seconds=5)
            await store.unlock(session.account_id, by=b"test")
            assert not await store.is_locked(session.account_id)
            await store.revoke_all(session.account_id, reason="revoked", now=NOW)
            assert list(await news.next(PATIENCE)) == [session.sid]
            assert [revocation.sid for revocation in await store.revoked_among([session.sid])] == [session.sid]
            await store.bury(bytes(16), now=NOW)
            assert await store.time() is not None
        assert await store.prune(before=NOW + 1, limit=10) == 2
        await store.ping()
        await store.close()
        assert b"reason" not in await asyncio.to_thread(server.ask, "ACL", "LOG")


@pytest.mark.parametrize(
    ("user", "fault"), [(":canary-word", "password|auth|AUTH|invalid"), ("gate:canary-word", "WRONGPASS|invalid")]
)
async def test_who_is_not_let_in_is_told_so_and_the_password_is_not(user: str, fault: str) -> None:
    with private_server("--requirepass", "right") as server:
        with pytest.raises(ConfigurationError, match=fault) as raised:
            await opened(f"redis://{user}@127.0.0.1:{server.port}")
        assert "canary-word" not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"


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


async def test_what_a_lost_revocation_means_and_how_it_is_made_good() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    session = await added(store)
    lost = {name: shared_server().ask("DUMP", name) for name in _names(session)}
    await store.revoke(session.sid, reason="revoked", now=NOW)
    for name, value in lost.items():
        shared_server().ask("DEL", name)
        if value is not None:
            shared_server().ask("RESTORE", name, "0", value)
    row = await store.swap(swap_of(session))
    assert row is not None, "it lives again"
    assert list(await store.revoke_all(session.account_id, reason="revoked", now=NOW + 9)) == [session.sid]
    assert [revocation.at for revocation in await store.revoked_since(NOW)] == [NOW + 9]
    await store.close()


async def test_a_row_of_another_version_is_left_alone() -> None:
    flush([shared_server()])
    store = await opened(shared_server().url)
    session = await added(store)
    key = keys.row(session.sid).decode()
    shared_server().ask("SETRANGE", key, "0", "\x03")
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


def _names(session: Session) -> list[str]:
    shard = session.sid[0]
    return [key.decode() for key in (keys.row(session.sid), keys.ends[shard], keys.revoked[shard])]
