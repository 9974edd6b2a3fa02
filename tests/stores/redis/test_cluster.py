"""What a cluster does to a store: slots that move, an index on another node than its sessions, nodes that are down."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from gatepass.core.session import Session
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import PartlyRead
from gatepass.stores.redis.layout import SHARD_SLOTS, SHARDS, SLOTS, TAGS, Keys, slot_of
from gatepass.stores.redis.store import RedisStore
from gatepass.testing.records import NOW, account_of, session_of, swap_of
from tools.services.patience import patience
from tools.services.valkey import ValkeyServer, flush, private_cluster, shared_cluster, until

pytestmark = pytest.mark.slow

keys = Keys("gatepass")


@pytest.fixture
async def store() -> AsyncIterator[RedisStore]:
    flush(shared_cluster().primaries)
    store = RedisStore(shared_cluster().url)
    await store.open()
    yield store
    await store.close()


async def added(store: RedisStore, name: str, account: str = "ann") -> Session:
    session = session_of(account_of(account), name)
    assert await store.add(session, credential_version=1)
    return session


async def swapped(store: RedisStore, session: Session) -> Session:
    row = await store.swap(swap_of(session))
    assert row is not None
    return row


def owner_of(slot: int) -> ValkeyServer:
    ports = [node[1] for first, last, node, *_ in shared_cluster().servers[0].ask("CLUSTER", "SLOTS")
             if first <= slot <= last]  # fmt: skip
    return next(server for server in shared_cluster().primaries if server.port == ports[0])


def name_of(server: ValkeyServer) -> str:
    name: str = server.ask("CLUSTER", "MYID").decode()
    return name


class Move:
    """A slot on its way from its owner to another node, key by key."""

    def __init__(self, slot: int) -> None:
        self.slot = str(slot)
        self.source = owner_of(slot)
        self.target = next(server for server in shared_cluster().primaries if server is not self.source)

    def begin(self) -> None:
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", name_of(self.source))
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", name_of(self.target))

    def move(self, *names: bytes) -> None:
        for name in names:
            self.source.ask("MIGRATE", "127.0.0.1", str(self.target.port), name.decode(), "0", "5000")

    def move_the_rest(self) -> None:
        while rest := self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, "100"):
            self.move(*rest)

    def end(self) -> None:
        for server in (self.target, self.source):
            server.ask("CLUSTER", "SETSLOT", self.slot, "NODE", name_of(self.target))


async def test_refreshes_go_on_while_their_slot_moves_and_revocations_are_back_when_it_has(store: RedisStore) -> None:
    session, other = await added(store, "moved"), None
    for number in range(2_000):
        candidate = session_of(account_of(), f"{number}")
        if candidate.sid[0] == session.sid[0]:
            other = candidate
            break
    assert other is not None
    assert await store.add(other, credential_version=1)
    move, back = Move(slot_of(keys.row(session.sid))), None
    try:
        await asyncio.to_thread(move.begin)
        row = await swapped(store, session)  # not moved yet
        await asyncio.to_thread(move.move, keys.row(session.sid))
        row = await swapped(store, row)  # ASK
        assert await store.find(session.sid) == row
        with pytest.raises(StoreUnavailable):
            await store.revoke(session.sid, reason="revoked", now=NOW)
        assert await store.find(session.sid) == row, "half of it was not done"
        await asyncio.to_thread(move.move_the_rest)
        await asyncio.to_thread(move.end)
        row = await swapped(store, row)  # MOVED
        assert (await swapped(store, other)).generation == 0
        assert await store.revoke(session.sid, reason="revoked", now=NOW) is not None
        assert [revocation.sid for revocation in await store.revoked_since(NOW)] == [session.sid]
    finally:
        back = Move(slot_of(keys.row(session.sid)))
        await asyncio.to_thread(back.begin)
        await asyncio.to_thread(back.move_the_rest)
        await asyncio.to_thread(back.end)


async def test_a_store_that_knows_an_old_map_is_led_to_the_new_one(store: RedisStore) -> None:
    session = await added(store, "somewhere")
    cluster = store._cluster
    wrong = next(node for node in cluster.primaries if node != cluster.owner(slot_of(keys.row(session.sid))))
    cluster._owners = [wrong] * SLOTS
    row = await swapped(store, session)
    await store.revoke_all(session.account_id, reason="revoked", now=NOW)
    found = await store.find(session.sid)
    assert found is not None
    assert (found.generation, found.revoked_at) == (row.generation, NOW)


async def test_any_one_node_is_enough_to_begin_with() -> None:
    replica = shared_cluster().replicas[1]
    store = RedisStore(f"redis+cluster://127.0.0.1:1,127.0.0.1:{replica.port}")
    await store.open()
    assert {node.port for node in store._cluster.primaries} == {server.port for server in shared_cluster().primaries}
    await store.ping()
    await store.close()


async def test_a_cluster_that_is_taken_for_a_server_says_what_to_write_and_the_other_way_round() -> None:
    with pytest.raises(ConfigurationError, match=r"redis\+cluster://"):
        await RedisStore(shared_cluster().primaries[0].url).open()
    server = ValkeyServer()
    try:
        server.start()
        with pytest.raises(ConfigurationError, match="cluster support disabled"):
            await RedisStore(f"redis+cluster://127.0.0.1:{server.port}").open()
    finally:
        server.remove()


async def test_an_entry_without_a_session_is_a_sign_in_that_is_still_to_come(store: RedisStore) -> None:
    account = account_of()
    session = session_of(account, "on its way")
    await store._cluster.run(store._entry(session))
    assert list(await store.list_for_account(account.id, now=NOW)) == []
    assert list(await store.revoke_all(account.id, reason="revoked", now=NOW)) == []
    assert await store.add(session, credential_version=1)
    assert list(await store.list_for_account(account.id, now=NOW)) == [session]
    assert list(await store.revoke_all(account.id, reason="revoked", now=NOW)) == [session.sid]


async def test_an_entry_that_a_fail_over_lost_is_back_after_the_first_refresh(store: RedisStore) -> None:
    session = await added(store, "lost")
    index = keys.account(session.account_id)
    await asyncio.to_thread(owner_of(slot_of(index)).ask, "DEL", index.decode())
    assert list(await store.list_for_account(session.account_id, now=NOW)) == []
    row = await swapped(store, session)
    assert list(await store.list_for_account(session.account_id, now=NOW)) == [row]


async def test_pruning_takes_a_session_out_of_its_account_too(store: RedisStore) -> None:
    session, kept = await added(store, "old"), await added(store, "kept")
    await store.revoke(session.sid, reason="revoked", now=NOW)
    assert await store.prune(before=NOW + 1, limit=10) == 1
    assert list(await store._sids(session.account_id)) == [kept.sid]


async def test_a_node_that_is_away_costs_only_its_own_sessions() -> None:
    with private_cluster("--cluster-require-full-coverage", "no", "--appendfsync", "always") as cluster:
        store = RedisStore(cluster.url)
        await store.open()
        sessions = [await added(store, f"{number}", account=f"{number}") for number in range(30)]
        away = cluster.primaries[1]
        await asyncio.to_thread(away.stop, signal.SIGKILL)
        await asyncio.to_thread(cluster.give_up, away)
        lost = 0
        for session in sessions:
            owner = store._cluster.owner(slot_of(keys.row(session.sid)))
            if owner is not None and owner.port == away.port:
                lost += 1
                with pytest.raises(StoreUnavailable):
                    await store.find(session.sid)
            else:
                assert await store.find(session.sid) == session
        assert 0 < lost < len(sessions)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        live = [session for session in sessions if await found(store, session.sid)]
        ended = live[0]
        assert await store.revoke(ended.sid, reason="revoked", now=NOW) is not None
        with pytest.raises(PartlyRead) as part:
            await store.revoked_since(NOW)
        assert [revocation.sid for revocation in part.value.found] == [ended.sid], "live nodes are heard"
        assert {session.sid[0] in part.value.missing for session in sessions} == {True, False}
        owners = [store._cluster.owner(slot) for slot in SHARD_SLOTS]
        lost_shards = {shard for shard, owner in enumerate(owners) if owner is None or owner.port == away.port}
        assert part.value.missing == lost_shards
        sessions.remove(ended)
        await asyncio.to_thread(away.start)
        await asyncio.to_thread(until, lambda: b"cluster_state:ok" in away.ask("CLUSTER", "INFO"))
        async with patience():
            while [await found(store, session.sid) for session in sessions] != sessions:
                await asyncio.sleep(0.05)
            assert await store.swap(swap_of(sessions[0])) is not None
        await store.close()


async def found(store: RedisStore, sid: bytes) -> Session | None:
    try:
        return await store.find(sid)
    except StoreUnavailable:
        return None


def test_shards_are_spread_evenly_and_never_change() -> None:
    assert [slot * SHARDS // SLOTS for slot in SHARD_SLOTS] == list(range(SHARDS))
    assert (TAGS[0], TAGS[7], TAGS[255]) == (b"460", b"18", b"430"), "sessions lie under these names"
    assert {slot_of(keys.row(bytes([7]) + bytes(15))), slot_of(keys.ends[7]), slot_of(keys.revoked[7]),
            slot_of(keys.markers[7])} == {SHARD_SLOTS[7]}  # fmt: skip


@pytest.mark.parametrize("account_id", ["ann", "", "}", "{x}", "a{b}c}", "\u00fc\udc80"])
def test_what_belongs_to_an_account_is_in_one_slot_whatever_its_id(account_id: str) -> None:
    own = keys.account(account_id)
    beside = (keys.account_lock(account_id), keys.owned_lock(account_id, b"00"), keys.account_marker(account_id))
    assert {slot_of(own)} == set(map(slot_of, beside))
