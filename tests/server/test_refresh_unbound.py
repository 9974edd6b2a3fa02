"""PROTOCOL §4 over HTTP for a session that began without a key, row by row; and how a refresh binds it."""

import pytest

from gatepass.core.policy import DAY
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from tests.server.rows import row
from tests.support.browser import Browser, identity
from tests.support.gates import GateHarness

KEY, OTHER_KEY = b"k" * 32, b"t" * 32


@pytest.fixture
async def bea(at: GateHarness) -> Browser:
    """A client that keeps no key, signed in."""
    browser = Browser(at.gate.asgi, key=None)
    assert (await browser.register("bea@example.com")).status == 201
    at.store.verbs.clear()
    return browser


class TestAdvance:
    async def test_it_refreshes_without_a_proof(self, at: GateHarness, bea: Browser) -> None:
        assert [(await bea.refresh()).status for _ in range(3)] == [200] * 3
        assert at.store.verbs == ["swap"] * 3
        assert row(at, bea).binding == NO_BINDING
        assert (await bea.get("/sessions")).json()["sessions"][0]["bound"] == "no"

    async def test_each_token_is_a_new_one(self, at: GateHarness, bea: Browser) -> None:
        answers = [await bea.refresh() for _ in range(3)]
        assert len({identity(answer) for answer in answers}) == 3


class TestRepeat:
    async def test_the_committed_token_is_answered_again_at_any_time(self, at: GateHarness, bea: Browser) -> None:
        await bea.refresh(lose=True)
        assert (await bea.refresh(lose=True)).status == 200
        at.clock.advance(6 * DAY)
        assert (await bea.refresh()).code == "refresh-superseded"
        assert (await bea.refresh()).status == 200


class TestRecover:
    @pytest.mark.parametrize("lost_writes", [1, 2, 5])
    async def test_a_store_that_lost_writes_moves_forward(
        self, at: GateHarness, bea: Browser, lost_writes: int
    ) -> None:
        await bea.refresh()
        old = row(at, bea)
        for _ in range(lost_writes + 1):
            await bea.refresh()
        at.memory.rows()[old.sid] = old
        assert (await bea.refresh()).status == 200
        assert row(at, bea).previous == NO_FINGERPRINT
        assert (await bea.refresh()).status == 200
        assert [event.case for event in at.named("session_renewed")].count("recover") == 1  # type: ignore[attr-defined]


class TestLate:
    async def race(self, bea: Browser) -> tuple[Browser, Browser]:
        second = bea.clone()
        assert (await bea.refresh()).status == 200
        assert (await bea.refresh()).status == 200
        return bea, second

    async def test_a_request_that_lost_a_fair_race_gets_nothing_and_harms_nobody(
        self, at: GateHarness, bea: Browser
    ) -> None:
        winner, loser = await self.race(bea)
        answer = await loser.refresh()
        assert (answer.status, answer.code) == (409, "refresh-superseded")
        assert "refresh_generation" not in answer.json()
        assert answer.cookies == []
        assert (await winner.refresh()).status == 200

    async def test_it_ends_no_session_at_a_server_whose_clock_is_behind(self, at: GateHarness, bea: Browser) -> None:
        winner, loser = await self.race(bea)
        at.clock.advance(-1)
        assert (await loser.refresh()).code == "refresh-superseded"
        assert (await winner.refresh()).status == 200

    async def test_after_the_leeway_it_is_reuse(self, at: GateHarness, bea: Browser) -> None:
        winner, loser = await self.race(bea)
        at.clock.advance(11)
        assert (await loser.refresh()).json()["reason"] == "reused"
        assert (await winner.refresh()).json()["reason"] == "reused"


class TestReuse:
    async def assert_over(self, at: GateHarness, *holders: Browser) -> None:
        for holder in holders:
            answer = await holder.refresh()
            assert (answer.status, answer.code) == (401, "session-ended")
            assert (await holder.get("/me")).status == 401
        assert len(at.named("authn_token_reuse")) == 1

    async def test_the_victim_first_then_the_thief_ends_it(self, at: GateHarness, bea: Browser) -> None:
        thief = bea.clone()
        await bea.refresh()
        await bea.refresh()
        at.clock.advance(11)
        answer = await thief.refresh()
        assert (answer.status, answer.json()["sid"], answer.json()["reason"]) == (401, bea.sid, "reused")
        assert answer.cookies == []
        await self.assert_over(at, bea, thief)

    async def test_the_thief_first_then_the_victim_ends_it(self, at: GateHarness, bea: Browser) -> None:
        thief = bea.clone()
        assert [(await thief.refresh()).status for _ in range(2)] == [200, 200]
        at.clock.advance(11)
        assert (await bea.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, thief, bea)

    async def test_an_ancestor_of_any_age_ends_it(self, at: GateHarness, bea: Browser) -> None:
        thief = bea.clone()
        for _ in range(30):
            await bea.refresh()
        assert (await thief.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, bea, thief)

    async def test_a_dead_sibling_ends_it(self, at: GateHarness, bea: Browser) -> None:
        await bea.refresh(lose=True)
        sibling = bea.clone()
        await bea.refresh()
        await sibling.refresh()
        await bea.refresh()
        at.clock.advance(11)
        assert (await sibling.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, bea, sibling)


class TestBinding:
    async def bound(self, bea: Browser) -> Browser:
        """The client has made a key since, and offers it with its next refresh, as ours do at once."""
        bea.key = KEY
        assert (await bea.refresh(binds=True)).status == 200
        return bea

    async def test_a_refresh_that_offers_a_key_binds_the_session_to_it(self, at: GateHarness, bea: Browser) -> None:
        await bea.refresh()
        await self.bound(bea)
        assert row(at, bea).binding != NO_BINDING
        assert (await bea.clone().refresh()).status == 403
        assert [(await bea.refresh()).status for _ in range(3)] == [200] * 3
        assert [event.sid for event in at.named("session_bound")] == [bea.sid]  # type: ignore[attr-defined]
        assert (await bea.get("/sessions")).json()["sessions"][0]["bound"] == "key"

    async def test_a_lost_answer_is_repeated_with_the_same_token_which_is_bound(
        self, at: GateHarness, bea: Browser
    ) -> None:
        bea.key = KEY
        lost = await bea.refresh(lose=True, binds=True)
        again = await bea.refresh(binds=True)
        assert (lost.status, again.status) == (200, 200)
        assert identity(lost) == identity(again)
        assert (await bea.refresh()).status == 200
        assert len(at.named("session_bound")) == 1

    async def test_the_unbound_token_of_before_is_reuse_for_whoever_has_not_the_key(
        self, at: GateHarness, bea: Browser
    ) -> None:
        thief = bea.clone()
        await self.bound(bea)
        assert (await thief.refresh()).json()["reason"] == "reused"
        assert (await bea.refresh()).json()["reason"] == "reused"

    async def test_a_thief_who_binds_it_first_is_noticed_by_the_owners_next_refresh(
        self, at: GateHarness, bea: Browser
    ) -> None:
        thief = bea.clone(key=OTHER_KEY)
        assert (await thief.refresh(binds=True)).status == 200
        bea.key = KEY
        assert (await bea.refresh(binds=True)).json()["reason"] == "reused"
        assert (await thief.refresh()).json()["reason"] == "reused"

    async def test_with_the_key_the_older_unbound_token_leads_back_to_the_line(
        self, at: GateHarness, bea: Browser
    ) -> None:
        jar = dict(bea.jar)
        await self.bound(bea)
        await bea.refresh()
        bea.jar = jar
        assert (await bea.refresh(binds=True)).code == "refresh-superseded"
        assert (await bea.refresh()).status == 200

    async def test_a_second_key_is_reuse(self, at: GateHarness, bea: Browser) -> None:
        jar = dict(bea.jar)
        await self.bound(bea)
        bea.jar, bea.key = jar, OTHER_KEY
        assert (await bea.refresh(binds=True)).json()["reason"] == "reused"


@pytest.mark.parametrize(
    "body",
    [
        b'{"binding_secret":""}',
        b'{"binding_secret":null}',
        b'{"binding_secret":7}',
        b'{"binding_secret":"' + b"A" * 42 + b'"}',
        b'{"binding_secret":"' + b"A" * 44 + b'"}',
        b'{"binding_secret":"' + b"A" * 42 + b'B"}',
        b'{"binding_secret":"' + b"A" * 42 + b'="}',
        b'{"binding_secret":"' + b"A" * 42 + b'+"}',
        b'{"binding_secret":"' + b"A" * 43 + b'","binding_secret":"' + b"A" * 43 + b'"}',
    ],
)
async def test_any_other_form_of_a_key_is_a_400_and_nothing_changes(at: GateHarness, bea: Browser, body: bytes) -> None:
    before = dict(at.memory.rows())
    sent = [("content-type", "application/json"), ("gatepass-client", "1")]
    answer = await bea.send_raw("POST", "/refresh", raw=body, headers=sent)
    assert answer.status == 400
    assert answer.code in ("invalid-binding-secret", "malformed-json")
    assert b"AAAA" not in answer.body
    assert at.store.verbs == []
    assert at.memory.rows() == before
