"""Sessions on Valkey, accounts elsewhere: the battery and the machine on one server and on a cluster, and what can
happen only to servers that die."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import settings

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Store
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.redis import durability
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.battery import SharedBattery, StoreBattery
from gatepass.testing.machine import StoreMachine
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of, swapped
from tests.support.full import FULL
from tools.services.patience import patience
from tools.services.valkey import (
    ValkeyServer,
    flush,
    private_cluster,
    private_server,
    shared_cluster,
    shared_server,
    until,
)

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def opened(url: str, accounts: MemoryStore | None = None) -> AsyncIterator[CombinedStore]:
    store = CombinedStore(sessions=RedisStore(url), accounts=accounts or MemoryStore())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Fixtures:
    """Two stores on the same servers, which are empty."""

    # Marks are kept with the accounts, which are in memory here: no other process sets one (tests/system/roles has).
    test_a_subscriber_learns_in_time_of_a_mark_that_another_process_sets: Any = None

    def servers(self) -> tuple[str, Sequence[ValkeyServer]]:
        raise NotImplementedError

    @pytest.fixture
    async def store(self) -> AsyncIterator[CombinedStore]:
        url, servers = self.servers()
        flush(servers)
        async with opened(url) as store:
            yield store

    @pytest.fixture
    async def other(self, store: CombinedStore) -> AsyncIterator[CombinedStore]:
        assert isinstance(store.accounts, MemoryStore)
        async with opened(self.servers()[0], store.accounts) as other:
            yield other


class TestRedisStore(Fixtures, StoreBattery, SharedBattery):
    def servers(self) -> tuple[str, Sequence[ValkeyServer]]:
        server = shared_server()
        return server.url, [server]


class TestRedisCluster(Fixtures, StoreBattery, SharedBattery):
    def servers(self) -> tuple[str, Sequence[ValkeyServer]]:
        cluster = shared_cluster()
        return cluster.url, cluster.primaries


class RedisMachine(StoreMachine):
    def make_store(self) -> Store:
        server = shared_server()
        server.ask("FLUSHALL")
        return CombinedStore(sessions=RedisStore(server.url), accounts=MemoryStore())


TestRedisMachine = RedisMachine.TestCase
TestRedisMachine.settings = settings(TestRedisMachine.settings, max_examples=30 if FULL else 7)


class TestScripts:
    async def test_a_server_that_forgot_the_scripts_is_told_them_again(self) -> None:
        server = shared_server()
        flush([server])
        async with opened(server.url) as store:
            session = await signed_in(store)
            await asyncio.to_thread(server.ask, "SCRIPT", "FLUSH")
            assert await store.swap(swap_of(session)) is not None

    async def test_of_many_equal_swaps_at_once_one_wins(self) -> None:
        server = shared_server()
        flush([server])
        async with opened(server.url) as store:
            session = await signed_in(store)
            won = await asyncio.gather(*(store.swap(swap_of(session)) for _ in range(64)))
            assert sum(row is not None for row in won) == 1


class TestFaults:
    async def test_a_server_that_is_gone_is_unavailable_and_comes_back_with_everything(self) -> None:
        with private_server("--appendfsync", "always") as server:
            async with opened(server.url) as store:
                session = await swapped(store, await signed_in(store))
                await asyncio.to_thread(server.stop, signal.SIGKILL)
                for call in (store.find(session.sid), store.swap(swap_of(session)), store.ping()):
                    with pytest.raises(StoreUnavailable):
                        await call
                await asyncio.to_thread(server.start)
                assert await store.find(session.sid) == session
                assert await store.swap(swap_of(session)) is not None

    async def test_a_subscription_that_lost_its_server_says_so(self) -> None:
        with private_server() as server:
            async with opened(server.url) as store:
                with pytest.raises(StoreUnavailable):
                    async with store.subscribe() as news:
                        await asyncio.to_thread(server.stop, signal.SIGKILL)
                        async with patience():
                            while True:
                                await news.next(0.1)

    async def test_too_few_replicas_are_unavailable_for_what_must_be_durable_and_no_matter_for_a_refresh(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(durability, "WAIT_TIMEOUT", 0.1)
        with private_server() as server:
            async with opened(server.url) as plain:
                session = await signed_in(plain)
            async with opened(f"{server.url}?wait=1") as store:
                assert await store.swap(swap_of(session)) is not None
                with pytest.raises(StoreUnavailable):
                    await store.revoke(session.sid, reason="revoked", now=NOW)

    async def test_in_a_cluster_a_replica_takes_the_place_of_its_primary_and_no_session_is_lost(self) -> None:
        with private_cluster() as cluster:
            async with opened(cluster.url + "?wait=1") as store:
                account = account_of()
                await store.add_account(account)
                sessions = [session_of(account, f"{number}") for number in range(60)]
                for session in sessions:
                    assert await store.add(session, credential_version=1)
                victim = cluster.primaries[0]
                await asyncio.to_thread(victim.stop, signal.SIGKILL)
                await asyncio.to_thread(cluster.promote, cluster.replicas[0])
                async with patience():
                    for session in sessions:
                        assert await until_available(store, session.sid) == session
                        assert await store.swap(swap_of(session)) is not None


async def until_available(store: CombinedStore, sid: bytes) -> object:
    while True:
        try:
            return await store.find(sid)
        except StoreUnavailable:
            await asyncio.sleep(0.05)


class TestOpening:
    async def test_a_server_that_throws_sessions_out_is_refused(self) -> None:
        with private_server("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as server:
            store = RedisStore(server.url)
            with pytest.raises(ConfigurationError, match="noeviction"):
                await store.open()

    async def test_a_wrong_password_is_told_without_repeating_it(self) -> None:
        with private_server("--requirepass", "right") as server:
            store = RedisStore(f"redis://:wrong-canary@127.0.0.1:{server.port}")
            with pytest.raises((ConfigurationError, StoreUnavailable)) as raised:
                await store.open()
            told = f"{raised.value!r} {raised.value} {raised.value.__cause__!r} {store!r}"
            assert "wrong-canary" not in told

    async def test_no_server_is_unavailable(self) -> None:
        with pytest.raises(StoreUnavailable):
            await RedisStore("redis://127.0.0.1:1").open()

    @pytest.mark.parametrize(
        "url",
        [
            "redis://127.0.0.1:port",
            "redis+sentinel://127.0.0.1:1",
            "redis+cluster://127.0.0.1:1/3",
            "redis://127.0.0.1/zero",
            "redis://127.0.0.1?wait=x",
            "redis://127.0.0.1?wait=-1",
            "redis://127.0.0.1?unknown=1",
        ],
    )
    def test_a_url_that_cannot_be_meant_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError):
            RedisStore(url)


async def test_sentinels_name_the_master_and_the_new_one_after_a_fail_over() -> None:
    with private_server() as master, private_server("--replicaof", "127.0.0.1", str(master.port)) as replica:
        await asyncio.to_thread(until, lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        sentinel = ValkeyServer(str(sentinel_file(master)), "--sentinel")
        try:
            sentinel.start()
            url = f"redis+sentinel://127.0.0.1:{sentinel.port}/gate?wait=1"
            async with opened(url) as store:
                session = await signed_in(store)
                await asyncio.to_thread(until, lambda: b"slaves=1" in sentinel.ask("INFO", "sentinel"))
                await asyncio.to_thread(master.stop, signal.SIGKILL)
                await asyncio.to_thread(until, lambda: sentinel.ask("SENTINEL", "FAILOVER", "gate") == b"OK")
                await asyncio.to_thread(until, lambda: b"role:master" in replica.ask("INFO", "replication"))
                async with patience():
                    assert await until_available(store, session.sid) == session
        finally:
            sentinel.remove()


def sentinel_file(master: ValkeyServer) -> object:
    file = master.folder / "sentinel.conf"
    file.write_text(
        f"sentinel monitor gate 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds gate 600000\nsentinel failover-timeout gate 600000\n"
    )
    return file
