"""One node of a cluster is away: the others are heard, and only its own sessions are out of touch."""

from collections.abc import Sequence

import pytest

from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.event import Event, RevocationsLost, RevocationsRestored
from gatepass.errors import Unavailable
from gatepass.ports import PartlyRead, Revocation
from gatepass.runtime.follower import Follower
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import ManualClock
from gatepass.testing.records import NOW

AWAY, LIVE = bytes([7]) * 16, bytes([8]) * 16


class Cluster(MemoryStore):
    """Two parts: sids that begin with 7, and all others."""

    is_away = False
    ended: tuple[Revocation, ...] = ()
    asked: list[int]

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        self.asked.append(since)
        if self.is_away:
            raise PartlyRead([each for each in self.ended if each.sid[0] != 7], frozenset({7}))
        return self.ended


async def _nothing() -> None:
    pass


async def test_revocations_on_live_nodes_are_heard_and_the_sessions_of_the_lost_one_are_not_trusted_for_ever() -> None:
    store, told = Cluster(), list[Event]()
    store.asked = []
    revoked = RevokedSessions(retention=900, max_age=30.0)
    follower = Follower(store, revocations=revoked, reload_keys=_nothing, clock=ManualClock(NOW), report=told.append)
    await follower.load()
    assert revoked.is_fresh
    store.is_away, store.ended = True, (Revocation(LIVE, NOW),)
    await follower._look()
    await follower._look()
    assert revoked.is_revoked(LIVE.hex())
    assert not revoked.is_revoked(AWAY.hex()), "what is known of it is recent still"
    revoked._parts["07"] -= 31
    with pytest.raises(Unavailable):
        revoked.is_revoked(AWAY.hex())
    assert not revoked.is_revoked((bytes([9]) * 16).hex())
    assert not revoked.is_fresh, "services that follow this gate cannot tell the parts apart"
    store.is_away, store.ended = False, (Revocation(AWAY, NOW - 600),)
    await follower._look()
    assert store.asked[-1] == store.asked[0], "as far back as the first look"
    assert revoked.is_revoked(AWAY.hex())
    assert revoked.is_fresh
    assert [type(event) for event in told] == [RevocationsLost, RevocationsRestored]


async def test_a_part_that_was_never_read_is_not_trusted_at_all() -> None:
    revoked = RevokedSessions(retention=900, max_age=30.0)
    revoked.load([LIVE], missing=[7])
    assert revoked.is_revoked(LIVE.hex())
    with pytest.raises(Unavailable):
        revoked.is_revoked(AWAY.hex())
