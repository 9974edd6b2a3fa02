"""The live connections of a process are none of its child's, and no lock of theirs stops it."""

import asyncio
from typing import Any

import pytest

from gatepass.access.live import LiveConnections
from gatepass.access.revoked_sessions import RevokedSessions
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child


class Connected:
    """A connection."""

    def __init__(self) -> None:
        self.principal: Any = type("Principal", (), {"session_id": "01" * 16})
        self.ended: list[object] = []

    def end(self, refusal: object) -> None:
        self.ended.append(refusal)

    def hold(self, refusal: object, now: int) -> None: ...
    def release(self) -> None: ...


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_has_its_own_connections_and_hears_what_its_process_revokes(fork: Fork) -> None:
    revoked = RevokedSessions(retention=60)
    unused: Any = None
    live = LiveConnections(unused, revocations=revoked, clock=unused)

    async def connect() -> bool:
        connection = Connected()
        live.add(connection)
        revoked.publish([b"\1" * 16])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return live.count == 1 and len(connection.ended) == 1

    loop = asyncio.new_event_loop()

    async def add() -> None:
        live.add(Connected())

    loop.run_until_complete(add())
    assert live.count == 1
    with held_elsewhere(live._houses.here.lock):
        assert holds_in_child(fork, lambda: live.count == 0 and asyncio.run(connect()))
    assert live.count == 1
    loop.close()
