"""`GET /revocations`: says what ended, and how old this server's own knowledge is (P4)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass.access import revoked_sessions
from gatepass.access.revoked_sessions import RevokedSessions
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.keyring import Secrets
from gatepass.server.endpoints import revocations as endpoint
from gatepass.testing.clock import ManualClock
from tests.support.asgi import call
from tests.support.fake_time import FakeTime
from tests.support.gates import NOW, OTHER_SECRET, SECRET, open_gate

ONE, TWO, THREE = (bytes([number]) * 16 for number in (1, 2, 3))
BEARER = ("authorization", f"Bearer {OTHER_SECRET}")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    time = FakeTime()
    monkeypatch.setattr(revoked_sessions, "time", time)
    return time


@pytest.fixture
def revoked(time: FakeTime) -> RevokedSessions:
    revoked = RevokedSessions(retention=900, max_age=30)
    revoked.load([ONE, TWO])
    return revoked


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "HEARTBEAT", 0)


def stream(revoked: RevokedSessions, sent: int = 0) -> AsyncIterator[bytes]:
    return endpoint._events(revoked, sent, 0, clock=ManualClock(NOW))


def parsed(text: bytes) -> list[tuple[str, str, Any]]:
    """(event, id, data) of each event; data is read where it is JSON."""
    found = []
    for block in text.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"]
        found.append((fields["event"], fields.get("id", ""), json.loads(data) if data[0] == "{" else data))
    return found


def sids(text: bytes) -> list[str]:
    return [data for event, _, data in parsed(text) if event == "revoked"]


async def test_it_begins_with_what_is_known_and_says_how_fresh_that_is(
    time: FakeTime, revoked: RevokedSessions
) -> None:
    time.now += 4
    *ended, caught_up = parsed(await anext(stream(revoked)))
    assert [data for _, _, data in ended] == [ONE.hex(), TWO.hex()]
    assert caught_up == ("caught-up", "", {"staleness": 4.0, "epoch": 0, "time": NOW})


async def test_every_later_event_carries_the_servers_own_staleness(time: FakeTime, revoked: RevokedSessions) -> None:
    events = stream(revoked)
    await anext(events)
    for seconds in (3, 6):
        time.now += 3
        assert parsed(await anext(events)) == [("contact", "", {"staleness": seconds, "epoch": 0, "time": NOW})]
    revoked.publish([THREE])
    assert sids(await anext(events)) == [THREE.hex()]


async def test_it_ends_when_the_server_is_out_of_touch(time: FakeTime, revoked: RevokedSessions) -> None:
    events = stream(revoked)
    await anext(events)
    time.now += 31
    revoked.publish([THREE])
    assert [each async for each in events] == []


async def test_accounts_whose_claims_changed_are_told_before_caught_up_and_from_then_on(
    revoked: RevokedSessions,
) -> None:
    revoked.marks.publish([ClaimsMark(7, "ann"), ClaimsMark(8, "", 60)], now=NOW)
    events = stream(revoked)
    told = parsed(await anext(events))
    assert [(event, data) for event, _, data in told[2:]] == [
        ("claims", {"account": "ann", "number": 7, "within": 0}),
        ("claims", {"account": "", "number": 8, "within": 60}),
        ("caught-up", {"staleness": 0.0, "epoch": 0, "time": NOW}),
    ]
    revoked.marks.publish([ClaimsMark(9, "b\u00f6b\n")], now=NOW)
    assert parsed(await anext(events))[0][2] == {"account": "b\u00f6b\n", "number": 9, "within": 0}
    assert [endpoint._places(name) for _, name, _ in told if name] == [(1, 0), (2, 0), (2, 1), (2, 2)]


async def test_after_an_id_of_either_kind_only_the_rest_is_told(revoked: RevokedSessions) -> None:
    revoked.marks.publish([ClaimsMark(7, "ann"), ClaimsMark(8, "bob")], now=NOW)
    kinds = {}
    for place in ((0, 0), (1, 0), (2, 1), (2, 2), (9, 0), (0, 9)):
        events = endpoint._events(revoked, *place, clock=ManualClock(NOW))
        kinds[place] = [event for event, _, _ in parsed(await anext(events))][:-1]
    every = ["revoked", "revoked", "claims", "claims"]
    assert kinds == {(0, 0): every, (1, 0): every[1:], (2, 1): every[3:], (2, 2): [], (9, 0): every, (0, 9): every}


async def test_very_many_are_written_in_parts_and_caught_up_comes_last(
    monkeypatch: pytest.MonkeyPatch, revoked: RevokedSessions
) -> None:
    monkeypatch.setattr(endpoint, "MAX_EVENTS", 10)
    revoked.marks.publish([ClaimsMark(number, f"account {number}") for number in range(1, 29)], now=NOW)
    events = stream(revoked)
    parts = [parsed(await anext(events)) for _ in range(3)]
    assert [len(part) for part in parts] == [10, 10, 11]
    assert [kind for part in parts for kind, _, _ in part].index("caught-up") == 30


async def test_an_epoch_is_told_at_once(monkeypatch: pytest.MonkeyPatch, revoked: RevokedSessions) -> None:
    monkeypatch.setattr(endpoint, "HEARTBEAT", 3600)
    events = stream(revoked)
    await anext(events)
    told = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    revoked.raise_epoch(NOW)
    assert parsed(await told)[-1][2]["epoch"] == NOW


async def test_an_id_of_this_process_resumes_behind_it_and_any_other_begins_anew(revoked: RevokedSessions) -> None:
    ids = [name for _, name, _ in parsed(await anext(stream(revoked))) if name]
    assert sids(await anext(stream(revoked, endpoint._places(ids[0])[0]))) == [TWO.hex()]
    for odd in ("", "x", "1800000000", "0" * 8 + ".1-1", ids[0].replace("-", "-9" * 12), ids[0] + "\n", f" {ids[0]}"):
        assert endpoint._places(odd) == (0, 0)
    assert sids(await anext(stream(revoked, 10**9))) == [ONE.hex(), TWO.hex()], "numbers that were never given"


async def test_a_forked_process_does_not_take_the_ids_of_its_parent_for_its_own(
    monkeypatch: pytest.MonkeyPatch, revoked: RevokedSessions
) -> None:
    (_, given, _), *_ = parsed(await anext(stream(revoked)))
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert endpoint._places(given) == (0, 0)


async def test_a_server_that_is_out_of_touch_says_so_before_any_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_gate(secrets=Secrets([SECRET], feed=[OTHER_SECRET])) as at:
        monkeypatch.setattr(at.gate.revocations, "_max_age", 30)
        monkeypatch.setattr(at.gate.revocations, "_loaded_at", -1e9)
        answer = await call(at.gate.asgi, "GET", "/revocations", headers=[BEARER])
        assert (answer.status, answer.code) == (503, "out-of-touch")
        assert answer.one("retry-after")
        stranger = await call(at.gate.asgi, "GET", "/revocations", headers=[("authorization", "Bearer x")])
        assert stranger.status == 401, "who may not listen is not told"
