"""Servers whose clocks are wrong by up to an hour: what one ends, the guards of the others refuse (M7)."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gatepass.gate import Gatepass
from gatepass.testing.clock import FastHasher
from tests.runtime.refusals import is_refused
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET
from tools.services import valkey
from tools.services.patience import becomes
from tools.services.pooler import pooler
from tools.services.postgres import empty_database, shared_server

pytestmark = pytest.mark.slow


class Shifted:
    """The clock of a machine that is so many seconds ahead, or behind."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def now(self) -> int:
        return int(time.time()) + self._seconds


@contextlib.asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[dict[str, str]]:
    yield {"store": f"sqlite:///{folder / 'gate.db'}"}


@contextlib.asynccontextmanager
async def postgres(_folder: Path) -> AsyncIterator[dict[str, str]]:
    yield {"store": await empty_database()}


@contextlib.asynccontextmanager
async def pooled(_folder: Path) -> AsyncIterator[dict[str, str]]:
    url = await empty_database()
    async with pooler(shared_server().port) as between:
        yield {"store": url.replace(f":{shared_server().port}", f":{between.port}") + "?pgbouncer=1"}


@contextlib.asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[dict[str, str]]:
    valkey.flush([valkey.shared_server()])
    yield {"store": f"sqlite:///{folder / 'accounts.db'}", "sessions": valkey.shared_server().url}


Over = Callable[[Path], contextlib.AbstractAsyncContextManager[dict[str, str]]]


def gate_of(stores: dict[str, str], *, ahead: int = 0) -> Gatepass:
    return Gatepass(secrets=[SECRET], public_url=ORIGIN, clock=Shifted(ahead), hasher=FastHasher(), **stores)  # type: ignore[arg-type]


@pytest.mark.parametrize("ahead", [-3_500, -960, 960])
@pytest.mark.parametrize("over", [sqlite, postgres, pooled, redis])
async def test_what_a_server_with_a_wrong_clock_ends_is_refused_by_the_others_and_stays_so(
    over: Over, ahead: int, tmp_path: Path
) -> None:
    async with over(tmp_path) as stores, contextlib.AsyncExitStack() as stack:
        right, wrong = gate_of(stores), gate_of(stores, ahead=ahead)
        for gate in (right, wrong):
            await stack.enter_async_context(gate.running())
        ann = Browser(right.asgi)
        await ann.register()
        assert not is_refused(right, ann)
        header = ann.bearer
        ann.app = wrong.asgi
        assert (await ann.logout(headers=[header])).status == 204
        await becomes(lambda: is_refused(right, ann), "the end")
        await right._parts.janitor.sweep()
        assert is_refused(right, ann), "it is not forgotten by the date that the other server gave it"
        later = gate_of(stores)
        await stack.enter_async_context(later.running())
        assert is_refused(later, ann)


@pytest.mark.parametrize("over", [sqlite, postgres, redis])
async def test_a_process_that_starts_with_a_wrong_clock_knows_what_ended_before(over: Over, tmp_path: Path) -> None:
    async with over(tmp_path) as stores:
        async with gate_of(stores).running() as before:
            ann = Browser(before.asgi)
            await ann.register()
            sid = ann.sid
            await ann.logout()
        async with gate_of(stores, ahead=3_600).running() as ahead:
            assert ahead.revocations.is_revoked(sid)


@pytest.mark.parametrize(("over", "is_told"), [(postgres, True), (redis, True), (sqlite, False)])
async def test_a_clock_that_differs_from_the_stores_is_an_event(over: Over, is_told: bool, tmp_path: Path) -> None:
    async with over(tmp_path) as stores:
        gate = gate_of(stores, ahead=-600)
        told: list[str] = []
        gate.events.add(lambda event: told.append(event.name))
        async with gate.running():
            assert (told.count("sys_clock_differs") == 1) is is_told
