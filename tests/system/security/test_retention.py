"""How long the store keeps where people were and with what: networks, labels of clients, addresses (GDPR art. 5 (1) e).

docs/reference/limits.md has the times; here they are counted, in the rows of every store.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepass.accounts.attempt import Attempt
from gatepass.core.policy import DAY, Policy
from gatepass.core.throttle import LIFETIME
from gatepass.runtime.janitor import RETENTION
from tests.support.browser import EMAIL, Browser
from tests.support.gates import GateHarness, WatchedStore, open_gate
from tests.support.mail import post
from tests.system.security.test_canaries import STORES, Dump
from tools.services import valkey

HOME, ELSEWHERE = "198.18.77.7", "198.19.66.99"
TRACES = {"home": b"198.18.77.", "elsewhere": b"198.19.66.", "label": b"Firefox on Linux"}
NOBODY = "nobody@example.com"
"""`tests/support/browser.py` says that it is Firefox on Linux."""


async def sign_in_and_fail(at: GateHarness) -> Browser:
    """A person at home, on a named device; guesses from elsewhere at that account and at one that is not there."""
    ann = Browser(at.gate.asgi, address=HOME)
    assert (await ann.register()).status == 201
    for email in (EMAIL, NOBODY):
        for _ in range(3):
            await Browser(at.gate.asgi, address=ELSEWHERE).login(email, "wrong wrong wrong wrong")
    return ann


def traces(stored: bytes) -> set[str]:
    return {name for name, text in TRACES.items() if text in stored}


async def sweep(at: GateHarness, seconds: int) -> None:
    at.clock.advance(seconds)
    await at.gate._parts.janitor.sweep()


class OnTime(WatchedStore):
    """A store whose server has the clock of the test."""

    async def time(self) -> None:
        return None


@contextlib.asynccontextmanager
async def kept(kind: str, folder: Path) -> AsyncIterator[tuple[GateHarness, Dump]]:
    """A gate over a store of this kind, and all rows of it: logs and free pages have times of their own."""

    async def rows() -> bytes:
        if kind == "sqlite":
            with contextlib.closing(sqlite3.connect(folder / "gate.db")) as connection:
                return "\n".join(connection.iterdump()).encode()
        if kind == "redis":
            server = valkey.shared_server()
            return b"\n".join(
                part for name in server.ask("KEYS", "*") for part in (name, server.ask("DUMP", name.decode()))
            )
        return await dump()

    async with STORES[kind](folder) as (store, dump), open_gate(store=OnTime(store)) as at:
        yield at, rows


@pytest.mark.parametrize("kind", STORES)
async def test_a_network_that_failed_is_kept_for_a_day(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as (at, rows):
        await sign_in_and_fail(at)
        if kind != "redis":  # there the counts are in the store of the accounts, here in memory
            assert "elsewhere" in traces(await rows())
        await sweep(at, DAY)
        assert "elsewhere" in traces(await rows()) or kind == "redis"
        await sweep(at, 1)
        assert "elsewhere" not in traces(await rows())
        attempt = Attempt(EMAIL, "198.19.66.0/24")
        keys = [attempt.account, attempt.pair, attempt.network, Attempt(NOBODY, "198.19.66.0/24").pair]
        assert [count.failures for count in await at.gate.store.attempts(keys)] == [0] * 4


async def test_how_often_a_password_failed_in_a_row_names_no_network_and_lasts(tmp_path: Path) -> None:
    async with kept("sqlite", tmp_path) as (at, _):
        await sign_in_and_fail(at)
        await sweep(at, 2 * DAY)
        for email in (EMAIL, NOBODY):
            lasting = await at.gate.store.lasting_failures(email, key=Attempt(email, None).lasting)
            assert lasting.failures == 3
        await sweep(at, LIFETIME.memory)
        assert (await at.gate.store.lasting_failures(NOBODY, key=Attempt(NOBODY, None).lasting)).failures == 0


@pytest.mark.parametrize("kind", STORES)
async def test_network_and_label_of_a_session_are_kept_for_a_day_after_its_end(kind: str, tmp_path: Path) -> None:
    async with kept(kind, tmp_path) as (at, rows):
        ann = await sign_in_and_fail(at)
        await ann.logout()
        await sweep(at, RETENTION)
        assert {"home", "label"} <= traces(await rows())
        await sweep(at, 1)
        assert traces(await rows()) == set()


async def test_a_session_that_nobody_ends_is_kept_to_its_end_and_a_day_longer(tmp_path: Path) -> None:
    async with kept("sqlite", tmp_path) as (at, rows):
        await sign_in_and_fail(at)
        await sweep(at, Policy().session_ttl + RETENTION)
        assert {"home", "label"} <= traces(await rows())
        await sweep(at, 1)
        assert traces(await rows()) == set()


async def test_a_registration_that_was_not_confirmed_is_kept_for_two_lives_of_its_link() -> None:
    async with post() as made:
        await made.browser().register("bob@example.com")
        await made.mails()
        store = made.at.store.inner
        await sweep(made.at, 2 * DAY)
        assert [one.email for one in await store.find_registrations("bob@example.com")] == ["bob@example.com"]
        await sweep(made.at, 1)
        assert list(await store.find_registrations("bob@example.com")) == []
