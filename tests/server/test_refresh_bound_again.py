"""PROTOCOL §4 over HTTP for a bound session: the same token again, and a session that has ended."""

from dataclasses import replace

import pytest

from gatepass.core.policy import DAY, Policy
from gatepass.core.refresh_token import MAX_GENERATION
from tests.server.rows import guard_status, row
from tests.support.browser import STATE, Browser, identity
from tests.support.gates import NOW, GateHarness

SKEW = Policy.standard().clock_skew


class TestRepeat:
    async def test_within_the_leeway_the_same_request_brings_the_same_successor_and_a_pass(
        self, at: GateHarness, ann: Browser
    ) -> None:
        lost = await ann.refresh(lose=True)
        committed = row(at, ann)
        at.clock.advance(10)
        again = await ann.refresh()
        assert (lost.status, again.status) == (200, 200)
        assert identity(lost) == identity(again)
        assert row(at, ann) == committed
        assert await guard_status(ann) == 200

    async def test_after_the_leeway_it_brings_the_successor_without_a_pass(self, at: GateHarness, ann: Browser) -> None:
        lost = await ann.refresh(lose=True)
        at.clock.advance(11)
        late = await ann.refresh()
        assert (late.status, late.code) == (409, "refresh-superseded")
        assert late.json()["refresh_generation"] == 1
        assert late.json()["refresh_challenge"] == ann.challenge
        assert "access_token" not in late.json()
        assert identity(late) == identity(lost)
        assert late.cookie(STATE).value == f"{ann.sid}.1.{ann.challenge}.{NOW + 11 + 7 * DAY}"
        assert (await ann.refresh()).status == 200

    async def test_a_clock_set_back_counts_as_outside_the_leeway(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(-SKEW - 1)
        assert (await ann.refresh()).code == "refresh-superseded"

    async def test_a_repeat_at_a_server_whose_clock_is_behind_brings_a_pass(
        self, at: GateHarness, ann: Browser
    ) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(-SKEW)
        assert (await ann.refreshed()).status == 200

    @pytest.mark.parametrize("lost_for", [3600, 6 * DAY])
    async def test_a_lost_answer_is_made_good_after_any_time(
        self, at: GateHarness, ann: Browser, lost_for: int
    ) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(lost_for)
        assert (await ann.refreshed()).status == 200

    @pytest.mark.parametrize("generations", [1, 2, 16, 40])
    async def test_a_jar_that_was_rolled_back_by_any_depth_heals_in_two_calls(
        self, at: GateHarness, ann: Browser, generations: int
    ) -> None:
        await ann.refresh()
        saved = dict(ann.jar)
        for _ in range(generations + 1):
            await ann.refresh()
        newest = ann.generation
        ann.jar = saved
        assert (await ann.refresh()).code == "refresh-superseded"
        assert ann.generation == newest
        assert (await ann.refresh()).status == 200

    async def test_jar_and_store_that_were_both_rolled_back_heal_too(self, at: GateHarness, ann: Browser) -> None:
        jar, old = dict(ann.jar), row(at, ann)
        for _ in range(4):
            await ann.refresh()
        tab = ann.clone(key=ann.key)
        ann.jar = jar
        at.memory.rows()[old.sid] = old
        for _ in range(3):
            assert (await ann.refreshed()).status == 200
        assert (await tab.refreshed()).status == (await ann.refreshed()).status == 200
        assert not at.named("authn_token_reuse")

    async def test_an_older_token_brings_no_pass_even_within_the_leeway(self, at: GateHarness, ann: Browser) -> None:
        saved = dict(ann.jar)
        await ann.refresh()
        await ann.refresh()
        ann.jar = saved
        assert (await ann.refresh()).code == "refresh-superseded"

    async def test_a_repeat_writes_nothing(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(3600)
        before = row(at, ann)
        at.store.verbs.clear()
        await ann.refresh()
        assert at.store.verbs == ["swap", "find"]
        assert row(at, ann) == before


class TestEnded:
    async def test_a_revoked_session_says_why(self, at: GateHarness, ann: Browser) -> None:
        kept = ann.clone(key=ann.key)
        await ann.logout()
        answer = await kept.refresh()
        assert (answer.status, answer.code) == (401, "session-ended")
        assert (answer.json()["sid"], answer.json()["reason"]) == (kept.sid, "revoked")
        assert answer.cookies == []

    async def test_a_pruned_session_is_unknown(self, at: GateHarness, ann: Browser) -> None:
        at.memory.rows().clear()
        assert (await ann.refresh()).json()["reason"] == "unknown"

    async def test_an_expired_token_is_refused_without_a_store_call(self, at: GateHarness, ann: Browser) -> None:
        at.clock.advance(7 * DAY)
        answer = await ann.refresh()
        assert (answer.json()["sid"], answer.json()["reason"]) == (ann.sid, "expired")
        assert at.store.verbs == []

    async def test_one_second_before_its_end_a_token_still_holds(self, at: GateHarness, ann: Browser) -> None:
        at.clock.advance(7 * DAY - 1)
        assert (await ann.refresh()).status == 200

    async def test_a_row_past_its_end_is_expired_though_the_token_is_not(self, at: GateHarness, ann: Browser) -> None:
        sid = bytes.fromhex(ann.sid)
        at.memory.rows()[sid] = replace(at.memory.rows()[sid], expires_at=NOW)
        assert (await ann.refresh()).json()["reason"] == "expired"


def test_a_session_has_more_generations_than_it_can_use() -> None:
    assert MAX_GENERATION > 30 * DAY * 100
