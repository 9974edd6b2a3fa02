"""One thread, one connection, one flush for all operations that wait; and no operation waits longer than needed."""

import asyncio
import base64
import re
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gatepass.accounts.retention import Retention
from gatepass.core.keyring import parse_secret
from gatepass.core.policy import DAY
from gatepass.core.session import Session
from gatepass.errors import StoreUnavailable
from gatepass.ports import Attempts
from gatepass.runtime.janitor import MAX_BATCH, RETENTION, Janitor
from gatepass.stores import rows
from gatepass.stores.limits import TRIM_INTERVAL
from gatepass.stores.sqlite.accounts import _DROP_ACCOUNT, _REVOKE_ALL, _SAMPLE_HASHES
from gatepass.stores.sqlite.attempts import _COUNT_FAILURE, _COUNT_LASTING, _FIND_LASTING
from gatepass.stores.sqlite.identities import _END_SESSIONS, _LIST, _OTHER_WAYS_IN
from gatepass.stores.sqlite.identities import _PRUNE as _PRUNE_PROVIDER_SESSIONS
from gatepass.stores.sqlite.store import (
    _FIND,
    _LIST_FOR_ACCOUNT,
    _PRUNE,
    _REVOKE,
    _REVOKED_SINCE,
    _SWAP,
    SQLiteStore,
)
from gatepass.testing.clock import ManualClock
from gatepass.testing.records import NOW, account_of, session_of, signed_in, swap_of, swapped
from tests.support.browser import PASSWORD, Browser
from tests.support.gates import SECRET, WatchedStore, open_gate

Run = Callable[[Callable[[Any], object]], Coroutine[Any, Any, object]]


class Busy:
    """Keeps the writing or the reading thread busy until the block ends: the operations of that time wait together."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._over, self._begun = threading.Event(), threading.Event()

    async def __aenter__(self) -> None:
        def wait(_connection: object) -> None:
            self._begun.set()
            self._over.wait()

        self._task = asyncio.create_task(self._run(wait))
        await asyncio.to_thread(self._begun.wait)

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task


async def traced(run: Run) -> list[str]:
    """The statements that a connection runs from now on: a list that grows."""
    statements: list[str] = []
    await run(lambda connection: connection.set_trace_callback(statements.append))
    return statements


async def many(store: SQLiteStore, count: int) -> list[Session]:
    """An account with `count` sessions."""
    account = account_of()
    await store.add_account(account)
    sessions = [session_of(account, f"{number}") for number in range(count)]
    await asyncio.gather(*(store.add(session, credential_version=1) for session in sessions))
    return sessions


async def test_a_refresh_alone_is_one_statement_in_one_transaction(store: SQLiteStore) -> None:
    session = await swapped(store, await signed_in(store))
    statements = await traced(store._read_as_writer)
    await store.swap(swap_of(session))
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "UPDATE", "COMMIT"]


async def test_sign_ins_and_revocations_are_flushed_refreshes_are_not(store: SQLiteStore) -> None:
    """PROTOCOL §3: `add` and `revoke` are durable when acknowledged; the table recovers a lost swap."""
    session = await signed_in(store)
    statements = await traced(store._read_as_writer)
    session = await swapped(store, session)
    assert statements.pop(0) == "PRAGMA synchronous=NORMAL"
    await store.revoke(session.sid, reason="revoked", now=NOW)
    assert "PRAGMA synchronous=FULL" in statements


async def test_a_refresh_that_shares_a_commit_with_a_revocation_is_flushed_with_it(store: SQLiteStore) -> None:
    first, second = [await swapped(store, session) for session in await many(store, 2)]
    statements = await traced(store._read_as_writer)
    async with Busy(store._read_as_writer):
        both = [
            asyncio.create_task(store.swap(swap_of(first))),
            asyncio.create_task(store.revoke(second.sid, reason="revoked", now=NOW)),
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*both)
    assert [statement for statement in statements if "synchronous" in statement] == ["PRAGMA synchronous=FULL"]


async def test_fifty_that_wait_share_one_commit(store: SQLiteStore) -> None:
    sessions = await many(store, 50)
    statements = await traced(store._read_as_writer)
    async with Busy(store._read_as_writer):
        swaps = [asyncio.create_task(store.swap(swap_of(session))) for session in sessions]
        await asyncio.sleep(0)
    assert None not in await asyncio.gather(*swaps)
    assert statements.count("COMMIT") == 1


async def test_what_one_iteration_of_the_loop_asks_for_shares_a_commit(store: SQLiteStore) -> None:
    sessions = await many(store, 50)
    statements = await traced(store._read_as_writer)
    assert None not in await asyncio.gather(*(store.swap(swap_of(session)) for session in sessions))
    assert statements.count("COMMIT") == 1


async def test_what_was_accepted_is_done_before_the_store_closes(store: SQLiteStore) -> None:
    session = await signed_in(store)
    swap = asyncio.create_task(store.swap(swap_of(session)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    assert await swap is not None
    await closing
    with pytest.raises(StoreUnavailable):
        await store.find(session.sid)


async def test_reads_alone_take_no_lock(store: SQLiteStore) -> None:
    session = await signed_in(store)
    statements = await traced(store._read)
    await store.find(session.sid)
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


async def test_a_read_waits_for_nothing_that_is_written(store: SQLiteStore) -> None:
    """So what a sign-in flushes to the disk delays no guarded request."""
    session = await signed_in(store)
    async with Busy(store._read_as_writer):
        assert await store.find(session.sid) == session


async def test_a_read_sees_what_was_acknowledged_before_it(store: SQLiteStore) -> None:
    session = await signed_in(store)
    for _ in range(50):
        session = await swapped(store, session)
        assert await store.find(session.sid) == session


async def test_more_waiting_than_can_be_served_is_refused_at_once(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepass.stores.sqlite.writer.MAX_WAITING", 3)
    sessions = await many(store, 2)
    async with Busy(store._read):
        waiting = [asyncio.create_task(store.find(session.sid)) for session in (*sessions, *sessions[:1])]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await store.find(sessions[0].sid)
    assert await asyncio.gather(*waiting) == [*sessions, sessions[0]]


async def test_a_swap_need_not_wait_until_ten_thousand_sessions_are_pruned(store: SQLiteStore) -> None:
    live = await signed_in(store)
    over = [session_of(account_of(), f"{number}", expires_at=NOW - RETENTION - 1) for number in range(10_000)]
    insert = f"INSERT INTO session VALUES ({', '.join('?' * len(rows.SESSION_COLUMNS))})"
    await store._run(lambda connection: connection.executemany(insert, map(rows.from_session, over)))
    retention = Retention(store, verify_ttl=DAY)
    janitor = Janitor(store, clock=ManualClock(NOW), forget=lambda: None, prune=retention.prune)
    sweep = asyncio.create_task(janitor.sweep())
    await asyncio.sleep(0)
    assert await store.swap(swap_of(live)) is not None
    assert not sweep.done()
    left = await store._read(lambda connection: connection.execute("SELECT count(*) FROM session").fetchone()[0])
    assert left >= 10_001 - 2 * MAX_BATCH
    assert await sweep == 10_000


async def test_of_fifty_swaps_from_two_event_loops_one_wins(store: SQLiteStore) -> None:
    session = await signed_in(store)
    won: list[Session] = []

    async def race(thread: int) -> None:
        swaps = (store.swap(swap_of(session, branch=f"{thread} {number}")) for number in range(25))
        won.extend(row for row in await asyncio.gather(*swaps) if row is not None)

    threads = [threading.Thread(target=lambda number=number: asyncio.run(race(number))) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert [await store.find(session.sid)] == won


STATEMENTS = {
    "find": _FIND,
    "swap": _SWAP,
    "revoke": _REVOKE,
    "revoke_all": _REVOKE_ALL,
    "list_for_account": _LIST_FOR_ACCOUNT,
    "revoked_since": _REVOKED_SINCE,
    "prune": _PRUNE,
    "count_failure": _COUNT_FAILURE,
    "lasting_failures": _FIND_LASTING,
    "count_lasting_failure": _COUNT_LASTING,
    "sample_password_hashes": _SAMPLE_HASHES,
    "drop_account": _DROP_ACCOUNT,
    "list_identities": _LIST,
    "other_ways_in": _OTHER_WAYS_IN,
    "end_sid": _END_SESSIONS.format("provider_sid = :sid"),
    "end_subject": _END_SESSIONS.format("subject = :subject"),
    "prune_provider_sessions": _PRUNE_PROVIDER_SESSIONS,
}


OWN_ROWS = ("SCAN CONSTANT ROW", "SCAN kinds")
"""What a recursive query reads of what it made itself."""


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_scans_a_whole_table(store: SQLiteStore, name: str) -> None:
    statement = STATEMENTS[name]
    values = dict.fromkeys(re.findall(r":(\w+)", statement)) or [None] * statement.count("?")

    def explain(connection: sqlite3.Connection) -> list[str]:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        return [step for *_, step in plan]

    steps = await store._read(explain)
    assert [step for step in steps if step.startswith("SCAN") and step not in OWN_ROWS] == []


async def test_the_live_sessions_of_an_account_are_found_without_its_ended_ones(store: SQLiteStore) -> None:
    def explain(connection: sqlite3.Connection) -> list[str]:
        return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {_LIST_FOR_ACCOUNT}", ("account", NOW))]

    assert "(account_id=? AND revoked_at=?)" in (await store._read(explain))[0]


async def test_a_flood_of_invented_addresses_does_not_fill_the_disk(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepass.stores.sqlite.attempts.MAX_ATTEMPT_KEYS", 500)
    await store.count_failure(["first"], now=NOW, forget_before=0)
    for number in range(20):
        await store.count_failure([f"{number}-{key}" for key in range(100)], now=NOW + number, forget_before=0)
    kept = await store._read(lambda connection: connection.execute("SELECT count(*) FROM attempt").fetchone()[0])
    assert kept < 500 + TRIM_INTERVAL
    assert list(await store.attempts(["first", "19-99"])) == [Attempts(0, 0), Attempts(1, NOW + 19)]


async def test_whoever_reads_the_files_finds_nothing_to_present(store: SQLiteStore, tmp_path: Path) -> None:
    """P6: no token, no nonce or MAC to make one from, no key and no password is in the files on disk."""
    async with open_gate(store=WatchedStore(store)) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        secrets = [PASSWORD.encode(), ann.access_token.encode(), ann.key, parse_secret(SECRET)]
        for _ in range(3):
            token = base64.urlsafe_b64decode(ann.rt.removeprefix("gp_rt_") + "==")
            proof = dict(ann.refresh_headers())["gatepass-proof"].rpartition(".")[2]
            raw = base64.urlsafe_b64decode(proof + "==")
            secrets += [ann.rt.encode(), token[23:39], token[-32:], proof.encode(), raw]
            assert (await ann.refresh()).status == 200
        stored = b"".join(file.read_bytes() for file in tmp_path.glob("gate.db*"))
        assert bytes.fromhex(ann.sid) in stored
        assert [secret for secret in secrets if secret and secret in stored] == []
