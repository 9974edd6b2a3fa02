"""A provider ends its session at one server: another one hears it by one message and refuses the session at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gatepass.core.identity import Identity, ProviderSignIn
from gatepass.core.logout_token import LogoutToken
from gatepass.errors import InvalidToken
from gatepass.gate import Gatepass
from gatepass.ports import Subscription
from gatepass.sessions.service import Caller
from gatepass.testing.clock import FastHasher
from tests.support.browser import EMAIL, ORIGIN
from tests.support.gates import SECRET
from tools.services.patience import patience
from tools.services.postgres import empty_database
from tools.services.valkey import flush, shared_server

pytestmark = pytest.mark.slow

GOOGLE = Identity("google", "https://accounts.google.example", "110", EMAIL, email_verified=True)
CALLER = Caller("Firefox on Linux", "192.0.2.0/24")


@pytest.fixture(params=["postgres", "postgres and redis"])
async def servers(request: pytest.FixtureRequest) -> AsyncIterator[Sequence[Gatepass]]:
    """Two servers on one database, with the sessions there or in Redis."""
    where: dict[str, Any] = {"store": await empty_database()}
    if "redis" in request.param:
        server = shared_server()
        flush([server])
        where["sessions"] = server.url
    async with AsyncExitStack() as stack:
        made = [Gatepass(secrets=[SECRET], public_url=ORIGIN, hasher=FastHasher(), **where) for _ in range(2)]
        for gate in made:
            await stack.enter_async_context(gate.running())
        yield made


async def begin(gate: Gatepass, sid: str) -> tuple[bytes, list[str]]:
    """A session that began in this session of the provider, and what its requests carry."""
    account = await gate.identities.account_for(GOOGLE)
    through = ProviderSignIn(GOOGLE.provider, GOOGLE.issuer, GOOGLE.subject, sid, 1)
    grant = await gate.sessions.sign_in(account, caller=CALLER, remember=True, through=through)
    assert grant is not None
    return grant.session.sid, [f"Bearer {grant.access_token}"]


async def named(subscription: Subscription, *, until: bytes) -> list[bytes]:
    """The sessions that messages name, in their order, up to one of these."""
    heard: list[bytes] = []
    async with patience():
        while until not in heard:
            heard += await subscription.next(60)
    return heard


async def test_the_other_server_hears_of_the_session_by_one_message_and_of_no_other(
    servers: Sequence[Gatepass],
) -> None:
    one, two = servers
    laptop, carried = await begin(one, "1")
    phone, stays = await begin(one, "2")
    two.check.principal(carried)
    logout = LogoutToken(GOOGLE.issuer, GOOGLE.subject, "1", 1)
    async with one.store.subscribe() as subscription:
        assert await one.provider_logout.end(logout) == 1
        async with patience():
            with pytest.raises(InvalidToken):
                while True:
                    two.check.principal(carried)
                    await asyncio.sleep(0)
        two.check.principal(stays)
        assert await two.provider_logout.end(logout) == 0, "the provider may tell it twice, to any server"
        assert await two.provider_logout.end(LogoutToken(GOOGLE.issuer, None, "2", 1)) == 1
        assert await named(subscription, until=phone) == [laptop, phone]
