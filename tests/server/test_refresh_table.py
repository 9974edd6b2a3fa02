"""PROTOCOL §4 over HTTP, row by row: advance, repeat, recover, late, reuse, ended."""

from dataclasses import replace

import pytest

from gatepass.core.policy import DAY
from gatepass.core.session import Session
from tests.support.browser import STATE, Browser, identity
from tests.support.gates import NOW, GateHarness

OTHER_KEY = b"t" * 32


def row(at: GateHarness, browser: Browser) -> Session:
    return at.memory.rows()[bytes.fromhex(browser.sid)]


async def guard_status(at: GateHarness, browser: Browser) -> int:
    """What a guarded endpoint says to the browser's access token."""
    return (await browser.get("/me")).status


class TestAdvance:
    async def test_the_expected_successor_is_committed_and_a_new_pair_comes(
        self, at: GateHarness, ann: Browser
    ) -> None:
        before = row(at, ann)
        answer = await ann.refresh()
        after = row(at, ann)
        assert answer.status == 200
        assert answer.json() == {
            "access_token": ann.access_token,
            "token_type": "Bearer",
            "expires_in": 900,
            "session_id": ann.sid,
            "refresh_generation": 1,
        }
        assert (before.generation, after.generation, ann.generation) == (-1, 0, 1)
        assert after.ancestors[0].fingerprint == before.fingerprint
        assert await guard_status(at, ann) == 200

    async def test_the_usual_refresh_is_one_store_call(self, at: GateHarness, ann: Browser) -> None:
        for _ in range(3):
            assert (await ann.refresh()).status == 200
        assert at.store.verbs == ["swap"] * 3

    async def test_nothing_is_stored_per_refresh(self, at: GateHarness, ann: Browser) -> None:
        for _ in range(40):
            assert (await ann.refresh()).status == 200
        assert len(at.memory.rows()) == 1
        assert len(row(at, ann).ancestors) == 16

    async def test_every_pair_differs_from_the_one_before(self, at: GateHarness, ann: Browser) -> None:
        seen = {ann.rt, ann.access_token}
        for _ in range(3):
            await ann.refresh()
            seen |= {ann.rt, ann.access_token}
        assert len(seen) == 8

    async def test_a_keyless_client_advances_too(self, at: GateHarness, ann: Browser) -> None:
        ann.client_key = None
        assert [(await ann.refresh()).status for _ in range(3)] == [200] * 3

    async def test_the_pass_never_outlives_the_session(self, at: GateHarness, ann: Browser) -> None:
        for _ in range(5):
            at.clock.advance(6 * DAY - 60)
            answer = await ann.refresh()
        assert answer.json()["expires_in"] == 300
        assert ann.jar[STATE].endswith(f".{NOW + 30 * DAY}")
        at.clock.advance(300)
        assert (await ann.refresh()).json()["reason"] == "expired"


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
        assert await guard_status(at, ann) == 200

    async def test_after_the_leeway_it_brings_the_successor_without_a_pass(self, at: GateHarness, ann: Browser) -> None:
        lost = await ann.refresh(lose=True)
        at.clock.advance(11)
        late = await ann.refresh()
        assert (late.status, late.code) == (409, "refresh-superseded")
        assert late.json()["refresh_generation"] == 1
        assert "access_token" not in late.json()
        assert identity(late) == identity(lost)
        assert late.cookie(STATE).value == f"{ann.sid}.1.{NOW + 11 + 7 * DAY}"
        assert (await ann.refresh()).status == 200

    async def test_a_clock_set_back_counts_as_outside_the_leeway(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(-1)
        assert (await ann.refresh()).code == "refresh-superseded"

    @pytest.mark.parametrize("lost_for", [3600, 6 * DAY])
    async def test_a_lost_answer_is_made_good_after_any_time(
        self, at: GateHarness, ann: Browser, lost_for: int
    ) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(lost_for)
        assert (await ann.refreshed()).status == 200
        assert not at.named("authn_token_reuse")

    @pytest.mark.parametrize("generations", [1, 2, 3, 16])
    async def test_a_rolled_back_jar_walks_forward_to_the_newest_token(
        self, at: GateHarness, ann: Browser, generations: int
    ) -> None:
        await ann.refresh()
        saved = dict(ann.jar)
        for _ in range(generations + 1):
            await ann.refresh()
        newest = ann.generation
        ann.jar = saved
        for _ in range(generations):
            assert (await ann.refresh()).code == "refresh-superseded"
        assert (await ann.refreshed()).status == 200
        assert ann.generation == newest
        assert not at.named("authn_token_reuse")

    async def test_an_ancestor_brings_no_pass_even_within_the_leeway(self, at: GateHarness, ann: Browser) -> None:
        saved = dict(ann.jar)
        await ann.refresh()
        await ann.refresh()
        ann.jar = saved
        assert (await ann.refresh()).code == "refresh-superseded"

    async def test_a_keyless_repeat_of_the_committed_token_is_answered(self, at: GateHarness, ann: Browser) -> None:
        ann.client_key = None
        await ann.refresh(lose=True)
        assert (await ann.refresh(lose=True)).status == 200
        at.clock.advance(3600)
        assert (await ann.refreshed()).status == 200

    async def test_a_repeat_writes_nothing(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh(lose=True)
        at.clock.advance(3600)
        before = row(at, ann)
        at.store.verbs.clear()
        await ann.refresh()
        assert at.store.verbs == ["swap", "find"]
        assert row(at, ann) == before


class TestRecover:
    @pytest.mark.parametrize("lost_writes", [1, 2, 5, 20])
    async def test_a_store_that_lost_writes_moves_forward_to_what_is_presented(
        self, at: GateHarness, ann: Browser, lost_writes: int
    ) -> None:
        await ann.refresh()
        old = row(at, ann)
        for _ in range(lost_writes):
            await ann.refresh()
        at.memory.rows()[old.sid] = old
        answer = await ann.refresh()
        assert answer.status == 200
        assert row(at, ann).generation == old.generation + lost_writes + 1
        assert (await ann.refresh()).status == 200

    async def test_after_a_recovery_a_late_repeat_of_the_forgotten_request_does_no_harm(
        self, at: GateHarness, ann: Browser
    ) -> None:
        old = row(at, ann)
        saved = dict(ann.jar)
        await ann.refresh()
        await ann.refresh()
        at.memory.rows()[old.sid] = old
        await ann.refresh()
        newest = ann.generation
        ann.jar = saved
        assert (await ann.refreshed()).status == 200
        assert ann.generation == newest

    async def test_a_thief_after_a_recovery_is_still_caught(self, at: GateHarness, ann: Browser) -> None:
        old = row(at, ann)
        await ann.refresh()
        await ann.refresh()
        thief = ann.clone(client_key=OTHER_KEY)
        at.memory.rows()[old.sid] = old
        assert (await ann.refresh()).status == 200
        assert (await thief.refresh()).json()["reason"] == "reused"


class TestLate:
    async def keyless_race(self, ann: Browser) -> tuple[Browser, Browser]:
        ann.client_key = None
        second = ann.clone()
        assert (await ann.refresh()).status == 200
        assert (await ann.refresh()).status == 200
        return ann, second

    async def test_a_keyless_request_that_lost_a_fair_race_gets_nothing_and_harms_nobody(
        self, at: GateHarness, ann: Browser
    ) -> None:
        winner, loser = await self.keyless_race(ann)
        answer = await loser.refresh()
        assert (answer.status, answer.code) == (409, "refresh-superseded")
        assert "refresh_generation" not in answer.json()
        assert answer.cookies == []
        assert (await winner.refresh()).status == 200

    async def test_after_the_leeway_it_is_reuse(self, at: GateHarness, ann: Browser) -> None:
        winner, loser = await self.keyless_race(ann)
        at.clock.advance(11)
        assert (await loser.refresh()).json()["reason"] == "reused"
        assert (await winner.refresh()).json()["reason"] == "reused"

    async def test_a_keyed_client_is_never_late(self, at: GateHarness, ann: Browser) -> None:
        thief = ann.clone(client_key=None)
        await ann.refresh()
        assert (await thief.refresh()).json()["reason"] == "reused"


class TestEnded:
    async def test_a_revoked_session_says_why(self, at: GateHarness, ann: Browser) -> None:
        kept = ann.clone(client_key=ann.client_key)
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
