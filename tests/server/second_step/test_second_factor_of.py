"""The function that says of which accounts a second factor is required: what it may return, and that it hangs."""

import asyncio
import threading

import pytest

from gatepass import AccountFacts
from gatepass.accounts import hooks
from tests.support.browser import Browser
from tests.support.gates import GateHarness


async def test_a_plain_one_that_ends_without_a_word_says_no_as_an_async_one_does(at: GateHarness, ann: Browser) -> None:
    @at.gate.second_factor_of
    def administrators(account: AccountFacts) -> bool:
        return None if account.email else True  # type: ignore[return-value]

    assert (await Browser(at.gate.asgi).login()).status == 200


async def test_one_that_hangs_takes_a_bounded_number_of_threads(
    at: GateHarness, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "MAX_CALLS", 2)
    threads: list[str] = []
    end = threading.Event()

    @at.gate.second_factor_of
    def hanging(_account: AccountFacts) -> bool:
        threads.append(threading.current_thread().name)
        return not end.wait(60)

    try:
        asked = [asyncio.create_task(Browser(at.gate.asgi).login()) for _ in range(5)]
        refused, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {(answer.status, answer.code) for answer in (task.result() for task in refused)} == {(503, "overloaded")}
    finally:
        end.set()
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503]
    assert len(threads) == 2
