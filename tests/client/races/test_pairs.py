"""Two threads share one client, or two clients one storage. Each place at which one overtakes the other is tried."""

import itertools
from collections.abc import Callable

import pytest

from gatepass.client.errors import SessionEndedError
from gatepass.client.flow import drive
from tests.client.races.world import MODULES, World
from tests.support.preempt import Race, Runner, explore

Act = Callable[[World], object]
call: Act = World.call
STRIDE = 4
"""Against 8 s of processor time. Each pair begins at another place, so that no line is left out in all of them."""
_begin = itertools.count()
ACTS: dict[str, Act] = {
    "call": call,
    "refresh": lambda world: drive(world.client.session.refresh(), world.client),
    "sign-out": lambda world: world.client.sign_out(),
    "sign-out everywhere": lambda world: world.client.sign_out(everywhere=True),
    "sign-in": lambda world: world.sign_in("bob"),
    "sign-in as ann": lambda world: world.sign_in("ann"),
    "password": lambda world: world.client.change_password("old", "new"),
    "status": lambda world: world.client.session.status,
}


PREPARED: dict[str, Act] = {
    "fresh": lambda _: None,
    "refused": World.refuse,
    "expired": World.expire,
    "unopened": lambda world: setattr(world, "client", world.another()),
    "refreshed by another": lambda world: drive(world.another().session.refresh(), world.client),
}


def explored(first: Act, second: Act, *, prepare: Act, most: int, signed_in: bool = True) -> int:
    """Explore a pair. At most so many refreshes may take place."""

    def race() -> Race:
        world = World(signed_in=signed_in)
        prepare(world)
        world.server.refreshes.clear()

        def holds(*runners: Runner) -> None:
            world.settle()
            refreshes = len(world.server.refreshes)
            assert refreshes <= most, f"{refreshes} refreshes"
            world.check(*runners, allowed=(SessionEndedError,))

        return Race(lambda: first(world), lambda: second(world), holds)

    return explore(race, within=MODULES, begin=next(_begin) % STRIDE + 1, stride=STRIDE)


@pytest.mark.parametrize(
    ("state", "first", "second", "most"),
    [
        ("refused", "call", "call", 1),
        ("refused", "call", "refresh", 2),
        ("refused", "refresh", "call", 2),
        ("refused", "call", "sign-out", 1),
        ("refused", "sign-out", "call", 1),
        ("refused", "call", "sign-in", 1),
        ("refused", "sign-in", "call", 1),
        ("expired", "call", "sign-in", 1),
        ("expired", "sign-in", "call", 1),
        ("expired", "call", "call", 1),
        ("expired", "call", "sign-out", 1),
        ("fresh", "refresh", "sign-out", 1),
        ("fresh", "sign-out", "refresh", 1),
        ("fresh", "refresh", "sign-in", 1),
        ("fresh", "refresh", "refresh", 2),
        ("fresh", "sign-out", "sign-out", 0),
        ("fresh", "sign-out", "sign-in", 0),
        ("fresh", "sign-in", "sign-out", 0),
        ("fresh", "sign-in", "sign-in as ann", 0),
        ("refused", "sign-out everywhere", "call", 1),
        ("expired", "sign-out everywhere", "sign-in", 1),
        ("fresh", "password", "refresh", 1),
        ("fresh", "refresh", "password", 1),
        ("refused", "password", "call", 1),
        ("fresh", "password", "sign-in", 0),
        ("unopened", "status", "sign-out", 0),
        ("unopened", "status", "sign-in", 0),
        ("unopened", "status", "refresh", 1),
        ("unopened", "call", "sign-out", 0),
        ("refreshed by another", "status", "sign-out", 0),
        ("refreshed by another", "status", "sign-in", 0),
        ("refreshed by another", "call", "refresh", 1),
    ],
)
def test_two_threads_share_one_client(state: str, first: str, second: str, most: int) -> None:
    assert explored(ACTS[first], ACTS[second], prepare=PREPARED[state], most=most)


@pytest.mark.parametrize(
    ("state", "first", "second", "most"),
    [
        ("refused", "call", "call", 1),
        ("refused", "call", "sign-out", 1),
        ("expired", "call", "sign-in", 1),
        ("expired", "sign-in", "call", 1),
        ("fresh", "refresh", "refresh", 2),
        ("fresh", "sign-out", "sign-in", 0),
        ("fresh", "sign-out", "sign-out", 0),
        ("fresh", "sign-in", "sign-in as ann", 0),
        ("fresh", "status", "sign-out", 0),
        ("fresh", "password", "refresh", 1),
    ],
)
def test_two_clients_share_one_storage(state: str, first: str, second: str, most: int) -> None:
    def prepare(world: World) -> None:
        assert world.another().session.status == "active"
        PREPARED[state](world)

    def by_another(world: World) -> object:
        world.client = world.clients[1]
        return ACTS[second](world)

    assert explored(ACTS[first], by_another, prepare=prepare, most=most)
