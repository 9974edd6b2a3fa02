"""Two threads with an event loop each need one gate at once: it is opened by one of them, and serves both."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatepass.errors import StoreUnavailable
from tests.support.browser import Browser
from tests.support.gates import GateHarness
from tools.services.patience import PATIENCE

Act = Callable[[GateHarness], Awaitable[Any]]


def at_once(at: GateHarness, one: Act, other: Act) -> list[Any]:
    """What both return or raise: `other` begins on its own thread and loop while `one` opens the store."""
    entered, waits, is_over = threading.Event(), threading.Event(), threading.Event()
    results: list[Any] = [None, None]

    async def before(verb: str) -> None:
        if verb == "open" and not entered.is_set():
            entered.set()
            assert await asyncio.to_thread(waits.wait, PATIENCE)

    async def second() -> None:
        assert await asyncio.to_thread(entered.wait, PATIENCE)
        task = asyncio.ensure_future(other(at))
        for _ in range(5):  # as far as it gets alone
            await asyncio.sleep(0)
        waits.set()
        results[1] = (await asyncio.gather(task, return_exceptions=True))[0]
        is_over.set()

    async def first() -> None:
        results[0] = (await asyncio.gather(one(at), return_exceptions=True))[0]
        assert await asyncio.to_thread(is_over.wait, PATIENCE)
        await at.gate.close()

    at.store.before = before
    threads = [threading.Thread(target=asyncio.run, args=(each(),), daemon=True) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    return results


async def opened(at: GateHarness) -> None:
    await at.gate.open()


def asked_by(name: str) -> Act:
    async def ask(at: GateHarness) -> int:
        return (await Browser(at.gate.asgi).register(f"{name}@example.com")).status

    return ask


async def asked_by_sync_code(at: GateHarness) -> str:
    return str(type(await asyncio.to_thread(at.gate.sync.sessions.list_for_account, "nobody")))


@pytest.mark.parametrize("other", [opened, asked_by("ben"), asked_by_sync_code], ids=["open", "request", "sync code"])
@pytest.mark.parametrize("one", [opened, asked_by("ann")], ids=["open", "request"])
def test_a_gate_that_two_threads_need_at_once_is_opened_once_and_serves_both(one: Act, other: Act) -> None:
    at = GateHarness()
    results = at_once(at, one, other)
    assert not [each for each in results if isinstance(each, BaseException)]
    assert {each for each in results if isinstance(each, int)} <= {201}
    assert at.store.verbs.count("open") == 1


def test_who_waited_for_an_attempt_that_failed_is_told_so() -> None:
    at = GateHarness()
    open_store = at.store.inner.open

    async def fail() -> None:
        await open_store()
        raise StoreUnavailable

    at.store.inner.open = fail  # type: ignore[method-assign]
    results = at_once(at, opened, opened)
    assert [type(each) for each in results] == [StoreUnavailable, StoreUnavailable]
    assert at.store.verbs.count("open") == 1


def test_who_waits_for_a_loop_that_is_blocked_is_told_so_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.runtime.lifecycle.OPENING_TIMEOUT", 0.01)
    at = GateHarness()
    opening, is_over = threading.Event(), threading.Event()

    async def before(verb: str) -> None:
        if verb == "open":
            opening.set()
            is_over.wait(PATIENCE)  # the loop is blocked

    at.store.before = before
    thread = threading.Thread(target=asyncio.run, args=(opened(at),), daemon=True)
    thread.start()
    assert opening.wait(PATIENCE)
    with pytest.raises(StoreUnavailable):
        asyncio.run(opened(at))
    is_over.set()
    thread.join(PATIENCE)
