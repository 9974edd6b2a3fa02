"""Streams outlive calls: what comes on one of them is never shown to the next user, nor is a token of that one sent."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

from gatepass.client import AsyncClient, Session
from gatepass.client.errors import SessionEndedError
from gatepass.client.events import events
from gatepass.client.live import LiveSocket, _Activity
from tests.client.fake_api import URL, Api, signed_in
from tests.client.races.world import MODULES, World
from tests.support.preempt import Race, Runner, explore


def test_the_next_user_gets_no_event_of_the_one_before() -> None:
    def race() -> Race:
        world = World()
        seen: list[tuple[str, str | None]] = []

        def first() -> None:
            for event in itertools.islice(events(world.client, "/news"), 4):
                account = world.client.session.state.account
                seen.append((event.data, account.email if account else None))

        def holds(first: Runner, second: Runner) -> None:
            world.check(first, second, allowed=(SessionEndedError,))
            late = [each for each in seen if each[0] != each[1]]
            assert len(late) <= 1, seen  # that which was under way as the next user signed in

        return Race(first, lambda: world.sign_in("bob"), holds)

    assert explore(race, within=(*MODULES, "gatepass.client.events"))


async def test_a_websocket_of_one_user_is_closed_and_gets_no_token_of_the_next() -> None:
    """The task that renews may run before the one that closes."""
    sent: list[str] = []

    class Connection:
        is_closed = False

        async def send(self, message: str) -> None:
            sent.append(message)

        async def close(self) -> None:
            self.is_closed = True

    connection: Any = Connection()
    session = Session(f"{URL}/auth", storage=signed_in())
    assert session.status == "active"
    shown = session.state.current
    assert shown is not None
    async with AsyncClient(URL, transport=Api(), session=session) as client:
        socket = LiveSocket(connection, client, shown, _Activity(60))
        socket._asked.set()
        session.state.current = replace(shown, token="ey.of.bob", sid="cd" * 16)
        await asyncio.wait_for(socket._renew(), 10)
    assert connection.is_closed
    assert sent == []


def test_a_sign_out_goes_on_where_the_loop_of_a_stream_has_ended() -> None:
    session = Session(f"{URL}/auth", storage=signed_in())

    async def forget() -> Any:
        watched = session.state.watching(lambda: None)
        watched.__enter__()
        return watched

    kept = asyncio.run(forget())  # a stream that was never closed, or is being closed by another thread
    session.state.clear()
    assert session.state.status == "anonymous"
    kept.__exit__(None, None, None)
