"""What Redis acknowledges and when, and what a write means that it lost."""

import asyncio
import signal
import subprocess

import pytest

from gatepass.core.session import Session
from gatepass.errors import StoreUnavailable
from gatepass.stores.redis import durability
from gatepass.testing.records import NOW, swap_of
from tests.stores.redis.opened import added, keys, opened
from tools.services.patience import PATIENCE
from tools.services.valkey import flush, private_server, program, shared_server, until

pytestmark = pytest.mark.slow

needs_waitaof = pytest.mark.skipif(
    b"v=7.0" in subprocess.run([program(), "--version"], capture_output=True, check=True).stdout,
    reason="TEST_VALKEY names a server without WAITAOF",
)


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


def _names(session: Session) -> list[str]:
    shard = session.sid[0]
    return [key.decode() for key in (keys.row(session.sid), keys.ends[shard], keys.revoked[shard])]
