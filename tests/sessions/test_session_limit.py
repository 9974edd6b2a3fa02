"""How many sessions an account may have, on every store: one more ends the one that was used least recently."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gatepass.core.policy import Policy
from gatepass.sessions import service
from tests.support.asgi import Answer
from tests.support.browser import Browser
from tests.support.gates import GateHarness, WatchedStore, open_gate
from tests.support.stores import empty_store

LIMIT = 3


SERVERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("postgres", "redis", "cluster")]


@pytest.fixture(params=["memory", "sqlite", *SERVERS])
async def at(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GateHarness]:
    store = WatchedStore(await empty_store(request.param, tmp_path))
    async with open_gate(store=store, policy=Policy(sessions_per_account=LIMIT)) as at:
        await Browser(at.gate.asgi).register()
        (first,) = await live(at)
        await at.gate.sessions.revoke(bytes.fromhex(first), reason="revoked")
        at.events.clear()
        yield at


async def sign_in(at: GateHarness, count: int) -> list[Browser]:
    """Devices that sign in one after another, a minute apart."""
    devices = [Browser(at.gate.asgi) for _ in range(count)]
    for device in devices:
        at.clock.advance(60)
        assert (await device.login()).status == 200
    return devices


async def live(at: GateHarness) -> list[str]:
    account = await at.store.find_account_by_email("ann@example.com")
    return [row.sid.hex() for row in await at.gate.sessions.list_for_account(account.id)]


def sids(devices: Sequence[Browser]) -> list[str]:
    return [device.sid for device in devices]


async def test_one_more_ends_the_oldest_and_says_that_it_was_replaced(at: GateHarness) -> None:
    devices = await sign_in(at, LIMIT + 2)
    assert await live(at) == sids(devices[:1:-1])
    for device in devices[:2]:
        assert (await device.get("/me")).status == 401
        assert (await device.refresh()).json()["reason"] == "replaced"
    for device in devices[2:]:
        assert (await device.get("/me")).status == (await device.refresh()).status == 200
    ended = [(event.sid, event.reason) for event in at.named("session_revoked")]  # type: ignore[attr-defined]
    assert ended == [(device.sid, "replaced") for device in devices[:2]]


async def test_what_is_in_use_stays_however_old_it_is(at: GateHarness) -> None:
    old, unused, new = await sign_in(at, LIMIT)
    at.clock.advance(60)
    assert (await old.refresh()).status == 200
    (another,) = await sign_in(at, 1)
    assert await live(at) == sids([another, new, old])
    assert (await unused.refresh()).json()["reason"] == "replaced"


async def test_a_device_that_signs_in_again_costs_nobody_else_a_session(at: GateHarness) -> None:
    devices = await sign_in(at, LIMIT)
    for _ in range(3):
        assert (await devices[1].login()).status == 200
    assert sorted(await live(at)) == sorted(sids(devices))


async def test_of_sign_ins_at_once_all_succeed_and_the_next_one_restores_the_limit(at: GateHarness) -> None:
    await sign_in(at, LIMIT)
    at.clock.advance(60)
    racers = [Browser(at.gate.asgi) for _ in range(6)]
    answers: list[Answer] = await asyncio.gather(*(racer.login() for racer in racers))
    assert [answer.status for answer in answers] == [200] * 6
    assert 1 <= len(await live(at)) <= LIMIT + len(racers) - 1
    (last,) = await sign_in(at, 1)
    left = await live(at)
    assert len(left) == LIMIT
    assert left[0] == last.sid
    assert set(left[1:]) <= set(sids(racers))


async def test_a_refresh_asks_nothing_about_it(at: GateHarness) -> None:
    devices = await sign_in(at, LIMIT)
    await devices[0].refresh()
    at.store.verbs.clear()
    assert (await devices[0].refresh()).status == 200
    assert at.store.verbs == ["swap"]


async def test_another_account_has_a_limit_of_its_own() -> None:
    async with open_gate(policy=Policy(sessions_per_account=1)) as at:
        ann, bob = Browser(at.gate.asgi), Browser(at.gate.asgi)
        await ann.register()
        await bob.register("bob@example.com")
        assert (await ann.get("/me")).status == (await bob.get("/me")).status == 200


async def test_two_sign_ins_at_once_cannot_end_each_other_where_one_is_the_limit() -> None:
    async with open_gate(policy=Policy(sessions_per_account=1)) as at:
        await Browser(at.gate.asgi).register()
        one, two = Browser(at.gate.asgi), Browser(at.gate.asgi)

        async def between(verb: str) -> None:
            if verb == "list_for_account":
                at.store.after = None
                assert (await two.login()).status == 200

        at.store.after = between
        assert (await one.login()).status == 200
        assert sorted(await live(at)) == sorted(sids([one, two]))


@pytest.mark.parametrize(("limit", "kept"), [(0, 120), (120, 120), (100, 100)])
async def test_the_limit_is_what_is_set_and_nought_is_none(limit: int, kept: int) -> None:
    async with open_gate(policy=Policy(sessions_per_account=limit)) as at:
        await Browser(at.gate.asgi).register()
        await sign_in(at, 119)
        assert len(await live(at)) == kept


async def test_where_a_limit_was_lowered_each_sign_in_ends_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_REPLACED", 5)
    store = WatchedStore()
    async with open_gate(store=store) as at:
        await Browser(at.gate.asgi).register()
        await sign_in(at, 11)
    async with open_gate(store=store, policy=Policy(sessions_per_account=2), clock=at.clock) as at:
        counts = []
        for _ in range(4):
            await sign_in(at, 1)
            counts.append(len(await live(at)))
    assert counts == [8, 4, 2, 2]
