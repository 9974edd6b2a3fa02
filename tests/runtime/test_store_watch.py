"""What is found about a store while it serves: told once, and the server is not ready meanwhile."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gatepass.core.event import Event, RefreshRefused, SessionRefreshed, SessionsLost, StoreUnsafe
from gatepass.errors import StoreUnavailable
from gatepass.runtime.lost_sessions import MIN_LOST, WINDOW, LostSessions
from gatepass.runtime.store_watch import StoreWatch
from gatepass.stores.memory.store import MemoryStore
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import ManualClock
from gatepass.testing.records import NOW
from tests.support import preloaded
from tests.support.asgi import call
from tests.support.browser import Browser
from tests.support.gates import GateHarness, WatchedStore, open_gate


class Store(MemoryStore):
    found: Sequence[str] = ()

    async def hazards(self) -> Sequence[str]:
        return self.found


async def test_a_hazard_is_told_once_and_the_server_is_not_ready_until_it_is_gone() -> None:
    store, told = Store(), list[Event]()
    watch = StoreWatch(store, clock=ManualClock(NOW), report=told.append)
    await watch.check()
    await watch.ping()
    store.found = ("it evicts",)
    for _ in range(2):
        await watch.check()
        with pytest.raises(StoreUnavailable):
            await watch.ping()
    assert told == [StoreUnsafe(at=NOW, why="it evicts")]
    store.found = ()
    await watch.ping()  # who asks whether it is ready need not wait for the next check
    store.found = ("it evicts",)
    await watch.check()
    assert len(told) == 2, "it came back"


async def test_an_outage_is_two_records_however_many_requests_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        watch = at.gate._parts.store_watch

        async def away(_verb: str) -> None:
            raise StoreUnavailable from ConnectionRefusedError("port 6379")

        for count in (7, 3):
            at.store.before = away
            caplog.clear()
            for _ in range(count):
                assert (await ann.refresh()).code == "store-unavailable"
            assert (await call(at.gate.served, "GET", "/readyz")).status == 503
            with pytest.raises(StoreUnavailable):
                await watch.check()
            (lost,) = caplog.records
            assert (lost.levelname, lost.name) == ("ERROR", "gatepass.store")
            assert "port 6379" in caplog.text
            at.store.before = None
            await watch.check()
            await watch.check()
            (_, back) = caplog.records
            assert back.levelname == "WARNING"
            assert back.getMessage() == f"the store serves again; requests refused meanwhile: {count}"


async def test_requests_that_are_refused_as_revocations_are_unknown_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        at.gate._parts.revocations._max_age = -1.0  # older than this are all that were read
        for _ in range(3):
            assert (await ann.get("/me")).code == "out-of-touch"
        assert [record for record in caplog.records if record.name == "gatepass.server"] == []


async def test_an_outage_lasts_while_the_store_does_not_keep_what_it_acknowledges(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    watch = StoreWatch(store, clock=ManualClock(NOW), report=list[Event]().append)
    store.found = ("it evicts",)
    await watch.check()
    with pytest.raises(StoreUnavailable) as unready:
        await watch.ping()
    watch.refused(unready.value)
    with pytest.raises(StoreUnavailable):
        await watch.check()
    assert "serves again" not in caplog.text
    store.found = ()
    await watch.check()
    assert "requests refused meanwhile: 1" in caplog.text


def unknown(number: int, *, at: int = NOW) -> RefreshRefused:
    return RefreshRefused(at=at, sid=f"{number}", reason="unknown")


def renewed(at: int = NOW) -> SessionRefreshed:
    return SessionRefreshed(at=at, account_id="ann", sid="live", generation=1, case="advance")


def test_many_unknown_sessions_at_once_are_told_once_a_minute() -> None:
    told: list[Event] = []
    listener = LostSessions(told.append)
    for number in range(3 * MIN_LOST):
        listener.on_event(unknown(number))
    assert told == [SessionsLost(at=NOW, count=MIN_LOST)]
    for number in range(MIN_LOST):
        listener.on_event(unknown(number, at=NOW + WINDOW))
    assert len(told) == 2


def test_one_client_that_asks_again_and_again_and_a_few_among_many_are_nothing() -> None:
    told: list[Event] = []
    listener = LostSessions(told.append)
    for _ in range(3 * MIN_LOST):
        listener.on_event(unknown(1))
    for number in range(MIN_LOST - 1):
        listener.on_event(unknown(number, at=NOW + WINDOW))
    for number in range(MIN_LOST - 1):
        listener.on_event(unknown(number, at=NOW + 2 * WINDOW))
    for _ in range(100 * MIN_LOST):
        listener.on_event(renewed(NOW + 3 * WINDOW))
    for number in range(2 * MIN_LOST):
        listener.on_event(unknown(number, at=NOW + 3 * WINDOW))
    listener.on_event(RefreshRefused(at=NOW, sid="x", reason="expired"))
    assert told == []


HOLDER = """
import sys
from pathlib import Path
from gatepass.runtime.single_server import SingleServer
single = SingleServer(Path(sys.argv[1]))
print(single.hazard(), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
async def test_a_second_server_process_on_a_sqlite_file_says_so_and_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "gate.db"
    at = GateHarness(store=WatchedStore(SQLiteStore(file)))
    first = preloaded.start(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stdout.readline() == "None\n"
    async with at.gate.running():
        watch = at.gate._parts.store_watch
        await watch.check()
        assert at.named("sys_store_unsafe") == []  # a script or a command may write beside the server
        assert (await Browser(at.gate.asgi).register()).status == 201
        await watch.check()
        await watch.check()
        (event,) = at.named("sys_store_unsafe")
        assert "one server process" in repr(event)
        assert (await call(at.gate.served, "GET", "/readyz")).status == 503
        first.communicate()
        at.clock.advance(2)  # callers of /readyz share one answer of the store
        assert (await call(at.gate.served, "GET", "/readyz")).status == 200


@pytest.mark.slow
async def test_one_server_process_with_commands_beside_it_is_as_it_should_be(tmp_path: Path) -> None:
    at = GateHarness(store=WatchedStore(SQLiteStore(tmp_path / "gate.db")))
    async with at.gate.running():
        assert (await Browser(at.gate.asgi).register()).status == 201
        await at.gate._parts.store_watch.check()
    async with at.gate.running():
        await at.gate._parts.store_watch.check()
    assert at.named("sys_store_unsafe") == []
