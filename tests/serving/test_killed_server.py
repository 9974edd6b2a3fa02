"""A real server, killed with SIGKILL under load and started again on the same file: no client is signed out (P1)."""

import asyncio
import signal
from pathlib import Path

import httpx2
import pytest

from tests.support.browser import Browser
from tests.support.gates import SECRET
from tests.support.process import Remote, Serving, serving
from tools.services.patience import becomes
from tools.services.processes import state

pytestmark = pytest.mark.slow

SETTINGS = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
NAMES = ("gatepass_8000", "gatepass_state_8000")
SESSIONS = 8
ROUNDS = 60


async def sign_in(remote: Remote, number: int) -> Browser:
    browser = Browser(
        remote,
        mount="/auth",
        origin="http://localhost:8000",
        key=bytes([number]) * 32,
        names=NAMES,
    )
    answer = await browser.register(f"{number}@example.com")
    assert answer.status == 201
    return browser


async def keep_refreshing(browser: Browser, statuses: list[int]) -> None:
    """A client that repeats a lost request until it is answered."""
    for _ in range(ROUNDS):
        while (status := (await browser.refresh()).status) != 200:
            statuses.append(status)
            assert status in (409, 503, 599), "a session was lost"
            await asyncio.sleep(0.01 if status == 599 else 0)
        statuses.append(status)


async def freeze(server: Serving, statuses: list[int]) -> None:
    """Stop the server, and wait until each client has a request under way."""
    server.process.send_signal(signal.SIGSTOP)
    await becomes(lambda: state(server.process.pid) == "T")
    unchanged = 0
    while unchanged < 100:  # iterations of the event loop, each of which reads what has arrived
        seen = len(statuses)
        await asyncio.sleep(0)
        unchanged = unchanged + 1 if len(statuses) == seen else 0


async def run(folder: Path, first: Serving) -> list[int]:
    statuses: list[int] = []
    async with httpx2.AsyncHTTPTransport() as transport:
        remote = Remote(f"http://127.0.0.1:{first.port}", transport)
        browsers = [await sign_in(remote, number) for number in range(SESSIONS)]
        load = [asyncio.ensure_future(keep_refreshing(browser, statuses)) for browser in browsers]
        while statuses.count(200) < SESSIONS * ROUNDS // 4 and not any(task.done() for task in load):
            await asyncio.sleep(0.001)
        await freeze(first, statuses)
        first.stop(signal.SIGKILL)
        with serving(folder, SETTINGS, port=first.port) as second:
            await asyncio.gather(*load)
            assert [(await browser.get("/me")).status for browser in browsers] == [200] * SESSIONS
            assert second.stop(signal.SIGTERM)[0] == 0
    return statuses


def test_no_session_is_lost_when_the_server_is_killed_in_the_middle_of_refreshes(tmp_path: Path) -> None:
    with serving(tmp_path, SETTINGS) as first:
        statuses = asyncio.run(run(tmp_path, first))
    assert statuses.count(200) == SESSIONS * ROUNDS
    assert 599 in statuses, "the kill came in the middle"
