"""Two event loops, or a loop and a thread, share a session: one refresh, no mixed users, and nobody waits for ever."""

import asyncio
import itertools

import httpx2
import pytest

from gatepass.client import AsyncClient
from gatepass.client.errors import SessionEndedError
from tests.client.races.world import MODULES, TAG, URL, World
from tests.support.preempt import Race, Runner, explore

_tags = itertools.count(1_000_000)


class OnALoop(httpx2.AsyncBaseTransport):
    """The server of a world, for clients of event loops."""

    def __init__(self, world: World) -> None:
        self._server = world.server

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        await asyncio.sleep(0)
        return self._server.handle_request(request)


async def in_a_loop(world: World, *acts: str) -> list[int]:
    statuses = []
    session = world.client.session
    async with AsyncClient(URL, transport=OnALoop(world), session=session, retry=None, logger=None) as client:
        for act in acts:
            if act == "call":
                statuses.append((await client.get("/x", headers={TAG: str(next(_tags))})).status_code)
            elif act == "sign out":
                await client.sign_out()
            else:
                assert (await client.sign_in(act, "password")).email == act
    return statuses


@pytest.mark.parametrize("age", ["fresh", "expired", "refused", "ahead"])
@pytest.mark.parametrize("other", ["loop", "thread"])
def test_calls_of_two_loops_make_one_refresh(age: str, other: str) -> None:
    def race() -> Race:
        world = World()
        if age == "refused":
            world.refuse()
        elif age != "fresh":
            world.expire(left=-1 if age == "expired" else 30)

        def second() -> object:
            return asyncio.run(in_a_loop(world, "call")) if other == "loop" else [world.call()]

        def holds(*runners: Runner) -> None:
            world.check(*runners)
            assert [runner.value for runner in runners] == [[200], [200]]
            assert len(world.server.refreshes) == (0 if age == "fresh" else 1)

        return Race(lambda: asyncio.run(in_a_loop(world, "call")), second, holds)

    assert explore(race, within=MODULES)


@pytest.mark.parametrize("acts", [("bob",), ("sign out",), ("sign out", "bob")])
def test_who_signs_in_or_out_on_one_loop_mixes_nothing_up_on_another(acts: tuple[str, ...]) -> None:
    def race() -> Race:
        world = World()
        world.expire()

        def holds(*runners: Runner) -> None:
            world.check(*runners, allowed=(SessionEndedError,))

        first, second = (lambda: asyncio.run(in_a_loop(world, "call")), lambda: asyncio.run(in_a_loop(world, *acts)))
        return Race(first, second, holds)

    assert explore(race, within=MODULES)
