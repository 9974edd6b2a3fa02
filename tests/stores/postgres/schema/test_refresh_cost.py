"""What a refresh costs PostgreSQL: the columns that it writes, and no index."""

import asyncio

import pytest

from gatepass.stores.postgres.store import PostgresStore
from gatepass.testing.records import account_of, session_of, signed_in, swapped
from tools.services.patience import patience
from tools.services.postgres import connected, query

pytestmark = pytest.mark.slow

CHANGED = {"generation", "fingerprint", "binding", "previous", "committed_at", "last_ip_prefix"}


class TestWhatARefreshCosts:
    async def test_no_index_stands_on_what_a_refresh_changes(self, url: str) -> None:
        indexed = set(
            await query(
                url,
                "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indexrelid "
                "WHERE indrelid = 'gatepass.session'::regclass",
            )
        )
        assert {"sid", "account_id", "expires_at", "revoked_at"} == indexed
        assert indexed.isdisjoint(CHANGED)

    async def test_nine_in_ten_refreshes_touch_no_index(self, url: str) -> None:
        store = PostgresStore(url)
        await store.open()
        account = account_of()
        await store.add_account(account)
        rows = [session_of(account, f"{number}") for number in range(200)]
        await asyncio.gather(*(store.add(row, credential_version=1) for row in rows))
        for _ in range(30):
            rows = list(await asyncio.gather(*(swapped(store, row) for row in rows)))
        await store.close()
        updates, hot = await updates_once_counted(url, at_least=200 * 30)
        assert hot > 0.9 * updates

    async def test_a_refresh_writes_at_most_250_bytes_of_log(self, store: PostgresStore, url: str) -> None:
        row = await signed_in(store)
        for _ in range(20):  # until its page has been written once
            row = await swapped(store, row)
        async with connected(url) as observer:
            start = await observer.fetchval("SELECT pg_current_wal_insert_lsn()")
            for _ in range(100):
                row = await swapped(store, row)
            used = await observer.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)", start)
        assert used / 100 < 250

    async def test_refreshes_at_once_share_their_commits_and_one_alone_has_its_own(
        self, store: PostgresStore, url: str
    ) -> None:
        rows = [await signed_in(store, device=f"{number}") for number in range(64)]
        count = "SELECT txid_snapshot_xmax(txid_current_snapshot())"
        (start,) = await query(url, count)
        rows = list(await asyncio.gather(*(swapped(store, row) for row in rows)))
        (together,) = await query(url, count)
        for row in rows:
            await swapped(store, row)
        (singly,) = await query(url, count)
        assert together - start <= 8
        assert singly - together >= 64

    async def test_the_swap_looks_a_row_up_by_its_sid(self, store: PostgresStore) -> None:
        await signed_in(store)
        values = ("1", "''", "''", "''", "1", "''", "''", "0", "''", "''", "false")
        statement = store._swap_sql
        for place in range(len(values), 0, -1):
            statement = statement.replace(f"${place}", values[place - 1])
        plan = [row[0] for row in await store._rows(f"EXPLAIN {statement}")]
        assert any("Index Scan using session_pkey" in line for line in plan)

    async def test_a_sweep_leaves_alone_what_another_transaction_holds(self, store: PostgresStore, url: str) -> None:
        sessions = [await signed_in(store, device=name) for name in ("held", "free")]
        async with connected(url) as other, other.transaction():
            await other.execute("SELECT 1 FROM gatepass.session WHERE sid = $1 FOR UPDATE", sessions[0].sid)
            assert await store.prune(before=sessions[0].expires_at + 1, limit=10) == 1
        assert await store.prune(before=sessions[0].expires_at + 1, limit=10) == 1


async def updates_once_counted(url: str, *, at_least: int) -> tuple[int, int]:
    """All updates of sessions, and those that changed no index. A server process reports them when it ends."""
    counts = "SELECT ARRAY[n_tup_upd, n_tup_hot_upd] FROM pg_stat_user_tables WHERE relname = 'session'"
    async with patience():
        while (found := (await query(url, counts))[0])[0] < at_least:
            await asyncio.sleep(0)
    return found[0], found[1]
