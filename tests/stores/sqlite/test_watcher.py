"""How a process hears what others commit to its file: by name where there is one, and of anything else too."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gatepass.ports import CLAIMS_CHANGED, Store, Subscription
from gatepass.stores.limits import MAX_NAMED
from gatepass.stores.sqlite import watcher
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.records import NOW, account_of, digest, session_of, signed_in, swapped
from tools.services.patience import PATIENCE


@pytest.fixture
async def other(store: SQLiteStore, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    other = SQLiteStore(tmp_path / "gate.db")
    await other.open()
    yield other
    await other.close()


async def heard(subscription: Subscription) -> Sequence[bytes]:
    return await subscription.next(PATIENCE)


async def test_what_others_revoke_bury_and_mark_is_named(store: SQLiteStore, other: Store) -> None:
    session = await signed_in(other)
    async with store.subscribe() as news:
        await other.revoke(session.sid, reason="revoked", now=NOW)
        assert await heard(news) == [session.sid]
        await other.bury(digest("lost")[:16], now=NOW + 1)
        assert await heard(news) == [digest("lost")[:16]]
        await other.mark_claims(["ann"], now=NOW, within=0)
        assert await heard(news) == [CLAIMS_CHANGED]


async def test_what_has_no_name_is_told_too(store: SQLiteStore, other: Store) -> None:
    """A refresh of another process, the epoch, and an end dated long before the newest one."""
    late = await signed_in(other)
    old = await signed_in(other, "old")
    await other.revoke(late.sid, reason="revoked", now=NOW + 3600)
    async with store.subscribe() as news:
        await other.raise_epoch(NOW)
        assert list(await heard(news)) == []
        await other.revoke(old.sid, reason="revoked", now=NOW)
        assert list(await heard(news)) == []


async def test_own_commits_are_no_news(store: SQLiteStore, other: Store) -> None:
    own, foreign = await signed_in(store), await signed_in(store, "foreign")
    async with store.subscribe() as news:
        await swapped(store, own)
        await store.mark_claims(["ann"], now=NOW, within=0)
        await store.revoke(own.sid, reason="revoked", now=NOW)
        assert list(await news.next(0.1)) == []
        await other.revoke(foreign.sid, reason="revoked", now=NOW)
        assert foreign.sid in await heard(news)


async def test_more_than_can_be_named_is_a_look(store: SQLiteStore, other: Store) -> None:
    async with store.subscribe() as news:
        account = account_of()
        await other.add_account(account)
        for number in range(MAX_NAMED + 1):
            await other.add(session_of(account, str(number)), credential_version=1)
        while await news.next(0.5):
            pass
        await other.revoke_all(account.id, reason="revoked", now=NOW)
        assert list(await heard(news)) == []


async def test_it_is_heard_where_the_file_system_keeps_no_times(
    store: SQLiteStore, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await signed_in(other)
    monkeypatch.setattr(watcher, "_written", lambda _log: (0, 0))
    async with store.subscribe() as news:
        await other.revoke(session.sid, reason="revoked", now=NOW)
        assert session.sid in await heard(news)


async def test_a_change_of_the_log_is_enough_and_a_second_one_of_the_same_tick_is_not_missed(
    store: SQLiteStore, other: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite is asked by the file's time alone here."""
    monkeypatch.setattr(watcher, "CHECK_INTERVAL", float("inf"))
    one, two = await signed_in(other), await signed_in(other, "two")
    async with store.subscribe() as news:
        for session in (one, two):
            await other.revoke(session.sid, reason="revoked", now=NOW)
            status = os.stat(tmp_path / "gate.db-wal")
            os.utime(tmp_path / "gate.db-wal", ns=(status.st_atime_ns, 10**18))
            found = await heard(news)
            while session.sid not in found:
                found = await heard(news)


async def test_a_link_to_the_file_is_followed(store: SQLiteStore, other: Store, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "gate.db")
    session = await signed_in(other)
    linked = SQLiteStore(tmp_path / "link.db")
    await linked.open()
    async with linked.subscribe() as news:
        await other.revoke(session.sid, reason="revoked", now=NOW)
        assert session.sid in await heard(news)
    await linked.close()
