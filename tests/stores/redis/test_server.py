"""What a Redis server must be and may become: full, a replica, without a log, strict with its user."""

import asyncio
import logging

import pytest

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.records import NOW, swap_of
from tests.stores.redis.opened import added, opened
from tools.services.patience import PATIENCE
from tools.services.tcp import FaultyNetwork
from tools.services.valkey import ValkeyServer, private_server, until

pytestmark = pytest.mark.slow

RIGHTS = (
    "~gatepass:* &gatepass:* +@read +@write +@connection +@scripting +@pubsub +info +time +wait +cluster|slots +role"
)
"""As in docs/guides/redis.md."""


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
