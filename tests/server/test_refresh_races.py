"""Refreshes that overlap: with each other, with a logout, with a slow store (P1, P3, P8)."""

import asyncio
from collections.abc import Awaitable

from gatepass.core.session import Session
from tests.support.asgi import Answer
from tests.support.browser import Browser, identity
from tests.support.gates import GateHarness


class Barrier:
    """Holds every store call of one verb until it is opened."""

    def __init__(self, at: GateHarness, verb: str, *, after: bool = False) -> None:
        self._verb = verb
        self._opened = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        if after:
            at.store.after = self._hold
        else:
            at.store.before = self._hold

    async def _hold(self, verb: str) -> None:
        if verb == self._verb and not self._opened.is_set():
            self.arrived.release()
            await self._opened.wait()

    def open(self) -> None:
        self._opened.set()


async def _held(work: Awaitable[Answer], barrier: Barrier) -> asyncio.Task[Answer]:
    task: asyncio.Task[Answer] = asyncio.ensure_future(work)
    await barrier.arrived.acquire()
    return task


async def test_fifty_proven_refreshes_with_one_token_issue_one_successor(at: GateHarness, ann: Browser) -> None:
    barrier = Barrier(at, "swap")
    tabs = [ann.clone(key=ann.key) for _ in range(50)]
    tasks = [asyncio.ensure_future(tab.refresh()) for tab in tabs]
    for _ in tabs:
        await barrier.arrived.acquire()
    barrier.open()
    answers = await asyncio.gather(*tasks)
    assert {answer.status for answer in answers} == {200}
    assert len({identity(answer) for answer in answers}) == 1
    assert len({answer.json()["access_token"] for answer in answers}) == 50
    (row,) = at.memory.rows().values()
    assert row.generation == 0
    assert not at.named("authn_token_reuse")
    assert [(await tab.refresh()).status for tab in tabs] == [200] * 50


async def test_fifty_unbound_refreshes_with_one_token_leave_the_session_alive(at: GateHarness) -> None:
    bea = Browser(at.gate.asgi, key=None)
    await bea.register()
    tabs = [bea.clone() for _ in range(50)]
    answers = await asyncio.gather(*(tab.refresh() for tab in tabs))
    assert {answer.status for answer in answers} == {200}
    assert not at.named("authn_token_reuse")


async def test_logout_wins_over_a_refresh_that_has_not_reached_the_store(at: GateHarness, ann: Browser) -> None:
    barrier = Barrier(at, "swap")
    other_tab = ann.clone(key=ann.key)
    refreshing = await _held(other_tab.refresh(), barrier)
    assert (await ann.logout()).status == 204
    barrier.open()
    _assert_refused(await refreshing)


def _assert_refused(answer: Answer, reason: str = "revoked") -> None:
    assert (answer.status, answer.json()["reason"]) == (401, reason)
    assert answer.cookies == []


async def test_a_sign_in_wins_over_a_refresh_of_the_session_that_it_replaces(at: GateHarness, ann: Browser) -> None:
    """geolens#1446, nextjs-auth0#544: the late answer of the old session took the place of the new cookie."""
    barrier = Barrier(at, "swap", after=True)
    other_tab = ann.clone(key=ann.key)
    refreshing = await _held(other_tab.refresh(), barrier)
    assert (await ann.login()).status == 200
    barrier.open()
    late = await refreshing
    _assert_refused(late, "replaced")
    ann.absorb(late)  # into the jar of the one browser that both tabs have
    assert (await ann.refresh()).status == 200


async def test_logout_wins_over_a_refresh_that_the_store_has_done_already(at: GateHarness, ann: Browser) -> None:
    barrier = Barrier(at, "swap", after=True)
    other_tab = ann.clone(key=ann.key)
    refreshing = await _held(other_tab.refresh(), barrier)
    assert (await ann.logout()).status == 204
    barrier.open()
    _assert_refused(await refreshing)
    assert (await other_tab.get("/me")).status == 401
    assert (await other_tab.refresh()).json()["reason"] == "revoked"


async def test_logout_wins_over_a_repeat_that_has_read_the_row_already(at: GateHarness, ann: Browser) -> None:
    other_tab = ann.clone(key=ann.key)
    await ann.refresh()
    barrier = Barrier(at, "find", after=True)
    repeating = await _held(other_tab.refresh(), barrier)
    assert (await ann.logout()).status == 204
    barrier.open()
    _assert_refused(await repeating)
    assert (await other_tab.get("/me")).status == 401
    assert (await other_tab.refresh()).json()["reason"] == "revoked"


async def test_a_thief_at_the_same_instant_as_the_owner_gets_nothing_and_takes_nothing(
    at: GateHarness, ann: Browser
) -> None:
    thief = ann.clone(key=b"t" * 32)
    barrier = Barrier(at, "swap")
    owner = await _held(ann.refresh(), barrier)
    assert (await thief.refresh()).status == 403
    barrier.open()
    assert (await owner).status == 200
    assert [(await ann.get("/me")).status, (await ann.refresh()).status] == [200, 200]


async def test_of_two_who_bind_a_session_at_the_same_instant_under_two_keys_neither_keeps_it(at: GateHarness) -> None:
    owner = Browser(at.gate.asgi, key=None)
    await owner.register()
    owner.key = b"k" * 32
    thief = owner.clone(key=b"t" * 32)
    barrier = Barrier(at, "swap")
    tasks = [asyncio.ensure_future(who.refresh(binds=True)) for who in (owner, thief)]
    for _ in tasks:
        await barrier.arrived.acquire()
    barrier.open()
    assert sorted([(await task).status for task in tasks]) == [200, 401]
    assert (await owner.refresh()).status == (await thief.refresh()).status == 401
    assert (await owner.get("/me")).status == 401


async def test_a_row_that_changes_under_every_decision_ends_in_503_not_in_a_logout(
    at: GateHarness, ann: Browser
) -> None:
    """The rules are asked again after each lost swap, a bounded number of times."""

    async def interfere(verb: str) -> None:
        if verb == "swap":
            row = at.memory.rows().pop(sid)
            shelved.append(row)

    async def put_back(verb: str) -> None:
        if verb == "swap":
            at.memory.rows()[sid] = shelved.pop()

    sid, shelved = bytes.fromhex(ann.sid), list[Session]()
    at.store.before, at.store.after = interfere, put_back
    answer = await ann.refresh()
    assert (answer.status, answer.code) == (503, "store-unavailable")
    assert answer.cookies == []
    assert at.store.verbs.count("swap") == 9
    at.store.before = at.store.after = None
    assert (await ann.refresh()).status == 200
