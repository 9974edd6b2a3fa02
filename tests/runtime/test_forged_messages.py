"""Whatever is sent on a store's channel, by whom and how much: ended sessions stay out, live ones stay in (P5, D1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gatepass.gate import Gatepass
from gatepass.testing.clock import FastHasher
from tests.runtime.refusals import is_refused
from tests.support.asgi import call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET
from tools.services import valkey
from tools.services.patience import becomes
from tools.services.postgres import connected, empty_database, execute

pytestmark = pytest.mark.slow

Send = Callable[[str], Awaitable[None]]
LIVE = "{live}"
MESSAGES = [
    "",
    "x",
    "\u00fc\U0001f511",
    "'; DROP TABLE session; --",
    f"{LIVE} 1800000000",
    f"{LIVE} {2**63}",
    f"{LIVE} {10**400}",
    f"{LIVE} -1",
    f"{LIVE}",
    "f" * 31 + " 1",
    ",".join([LIVE + " 1"] * 200),
    "," * 7_999,
    " ".join(["0" * 32] * 200),
    "claims",
]


@contextlib.asynccontextmanager
async def over_postgres(_folder: Path) -> AsyncIterator[tuple[str, str, Send]]:
    """(store, sessions, send): a role without any right notifies, in a transaction that can only read."""
    url = await empty_database()
    await execute(url, "DROP ROLE IF EXISTS nobody; CREATE ROLE nobody LOGIN")
    try:
        async with connected(url.replace("owner@", "nobody@")) as connection:
            await connection.execute("SET default_transaction_read_only = on")

            async def send(text: str) -> None:
                await connection.execute("SELECT pg_notify('gatepass_revoked', $1)", text)

            yield url, "", send
    finally:
        await execute(url, "DROP ROLE nobody")


@contextlib.asynccontextmanager
async def over_redis(folder: Path) -> AsyncIterator[tuple[str, str, Send]]:
    """(store, sessions, send): another program on the same server publishes."""
    server = valkey.shared_server()
    valkey.flush([server])

    async def send(text: str) -> None:
        await asyncio.to_thread(server.ask, "PUBLISH", "gatepass:revoked", text)

    yield f"sqlite:///{folder / 'accounts.db'}", server.url, send


@pytest.mark.parametrize("over", [over_postgres, over_redis])
async def test_whatever_is_sent_ended_sessions_stay_out_and_live_ones_stay_in(
    over: Callable[[Path], contextlib.AbstractAsyncContextManager[tuple[str, str, Send]]], tmp_path: Path
) -> None:
    async with over(tmp_path) as (store, sessions, send), contextlib.AsyncExitStack() as stack:
        here, there = (
            Gatepass(secrets=[SECRET], public_url=ORIGIN, store=store, sessions=sessions or None, hasher=FastHasher())
            for _ in range(2)
        )
        await stack.enter_async_context(here.running())
        await stack.enter_async_context(there.running())
        ann = Browser(here.asgi)
        await ann.register()
        for message in MESSAGES:
            phone = Browser(here.asgi)
            await phone.login()
            await send(message.replace(LIVE, ann.sid))
            assert (await phone.logout()).status == 204
            await becomes(lambda phone=phone: is_refused(there, phone), f"the end after {message[:40]!r}")  # type: ignore[misc]
            assert not is_refused(there, ann)
        assert (await call(there.served, "GET", "/readyz")).status == 200
        assert not is_refused(there, ann)
        assert (await ann.refresh()).status == 200
