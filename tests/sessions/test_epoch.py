"""The epoch: every session that began before it is over, at every guard, whatever its row says (PROTOCOL §3)."""

from dataclasses import replace

import pytest

from gatepass.core.policy import DAY
from gatepass.errors import InvalidToken
from gatepass.sessions.service import EPOCH_MARGIN
from tests.support.browser import Browser
from tests.support.gates import NOW, GateHarness, open_gate


def is_let_in(at: GateHarness, browser: Browser) -> bool:
    try:
        at.gate.check.principal([browser.bearer[1]])
    except InvalidToken:
        return False
    return True


async def test_it_ends_every_session_of_every_account(at: GateHarness, ann: Browser) -> None:
    bob = Browser(at.gate.asgi)
    await bob.register("bob@example.com")
    at.clock.advance(60)
    assert await at.gate.sessions.revoke_everything() == NOW + 60 + EPOCH_MARGIN
    for browser in (ann, bob):
        assert not is_let_in(at, browser)
        answer = await browser.refresh()
        assert (answer.status, answer.code, answer.json()["reason"]) == (401, "session-ended", "revoked")
    assert [event.name for event in at.events if event.level == "critical"] == ["session_revoked_all"]


async def test_who_signs_in_after_it_stays_signed_in_also_at_once_and_with_a_clock_that_is_behind(
    at: GateHarness, ann: Browser
) -> None:
    await at.gate.sessions.revoke_everything()
    for seconds in (0, -960):
        at.clock.advance(seconds)
        assert (await ann.login()).status == 200
        assert is_let_in(at, ann)
        assert (await ann.refresh()).status == 200
        assert is_let_in(at, ann)
        assert [row["current"] for row in (await ann.get("/sessions")).json()["sessions"]] == [True]


async def test_ended_sessions_are_listed_nowhere(at: GateHarness, ann: Browser) -> None:
    account_id = at.gate.check.principal([ann.bearer[1]]).account_id
    await at.gate.sessions.revoke_everything()
    assert list(await at.gate.sessions.list_for_account(account_id)) == []


async def test_another_process_learns_of_it_by_its_next_look(at: GateHarness, ann: Browser) -> None:
    async with open_gate(store=at.store, clock=at.clock) as other:
        ann.app = other.gate.asgi
        assert is_let_in(other, ann)
        await at.gate.sessions.revoke_everything()
        await other.gate._parts.follower.load()
        assert not is_let_in(other, ann)
        assert (await ann.refresh()).status == 401


async def test_a_process_that_starts_later_knows_it_before_it_serves(at: GateHarness, ann: Browser) -> None:
    await at.gate.sessions.revoke_everything()
    async with open_gate(store=at.store, clock=at.clock) as other:
        assert not is_let_in(other, ann)


async def test_a_restored_backup_does_not_bring_back_what_ended_before_it(at: GateHarness, ann: Browser) -> None:
    backup = dict(at.memory.rows())
    await ann.clone().logout()
    at.memory.rows().update(backup)
    assert (await ann.refresh()).status == 200, "that is the danger"
    await at.gate.sessions.revoke_everything()
    at.memory.rows().update(backup)
    assert (await ann.refresh()).status == 401
    rows = at.memory.rows()
    rows.update({sid: replace(row, generation=99) for sid, row in rows.items()})
    assert (await ann.refresh()).status == 401, "whatever the row says"


async def test_a_time_can_be_named_and_only_sessions_of_before_it_end(at: GateHarness, ann: Browser) -> None:
    at.clock.advance(60)
    phone = Browser(at.gate.asgi)
    await phone.login()
    assert await at.gate.sessions.revoke_everything(begun_before=NOW + 60) == NOW + 60
    assert (await ann.refresh()).status == 401
    assert (await phone.refresh()).status == 200


@pytest.mark.parametrize(("named", "then"), [(NOW + DAY, NOW + EPOCH_MARGIN), (NOW - DAY, NOW - DAY)])
async def test_it_is_never_far_in_the_future_and_never_lowered(at: GateHarness, named: int, then: int) -> None:
    assert await at.gate.sessions.revoke_everything(begun_before=named) == then
    assert await at.gate.sessions.revoke_everything(begun_before=0) == then
    assert at.gate.revocations.epoch == then
