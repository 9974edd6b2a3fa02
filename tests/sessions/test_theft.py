"""Two holders of one session, in either order and at any pace: it ends (PROTOCOL §4, P2)."""

from tests.support.browser import Browser
from tests.support.gates import GateHarness

OTHER_KEY = b"t" * 32


async def guard_status(at: GateHarness, browser: Browser) -> int:
    """What a guarded endpoint says to the browser's access token."""
    return (await browser.get("/me")).status


class TestReuse:
    async def assert_over(self, at: GateHarness, *holders: Browser) -> None:
        for holder in holders:
            answer = await holder.refresh()
            assert (answer.status, answer.code) == (401, "session-ended")
            assert await guard_status(at, holder) == 401
        assert len(at.named("authn_token_reuse")) == 1

    async def test_the_victim_first_then_the_thief_ends_the_session_and_its_passes(
        self, at: GateHarness, ann: Browser
    ) -> None:
        thief = ann.clone(client_key=OTHER_KEY)
        assert (await ann.refresh()).status == 200
        answer = await thief.refresh()
        assert answer.status == 401
        assert answer.json()["sid"] == ann.sid
        assert answer.json()["reason"] == "reused"
        assert answer.cookies == []
        await self.assert_over(at, ann, thief)

    async def test_the_thief_first_then_the_victim_ends_the_session_and_its_passes(
        self, at: GateHarness, ann: Browser
    ) -> None:
        thief = ann.clone(client_key=OTHER_KEY)
        assert (await thief.refresh()).status == 200
        assert await guard_status(at, thief) == 200
        assert (await ann.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, thief, ann)

    async def test_a_thief_who_keeps_the_victims_pace_is_caught_at_the_first_conflict(
        self, at: GateHarness, ann: Browser
    ) -> None:
        for _ in range(3):
            await ann.refresh()
        thief = ann.clone(client_key=None)
        assert [(await ann.refresh()).status, (await thief.refresh()).status] == [200, 401]
        await self.assert_over(at, ann, thief)

    async def test_a_thief_with_the_one_recorded_request_is_caught_when_he_uses_the_successor(
        self, at: GateHarness, ann: Browser
    ) -> None:
        thief = ann.clone(client_key=ann.client_key)
        assert (await ann.refresh()).status == 200
        assert (await thief.refresh()).status == 200, "the recorded request, word for word"
        thief.client_key = OTHER_KEY
        assert (await thief.refresh()).status == 200
        assert (await ann.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, thief, ann)

    async def test_an_ancestor_of_any_age_under_another_key_ends_the_session(
        self, at: GateHarness, ann: Browser
    ) -> None:
        thief = ann.clone(client_key=OTHER_KEY)
        for _ in range(30):
            await ann.refresh()
        assert (await thief.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, ann, thief)

    async def test_a_dead_sibling_ends_the_session(self, at: GateHarness, ann: Browser) -> None:
        ann.client_key = None
        await ann.refresh(lose=True)
        sibling = ann.clone()
        await ann.refresh()
        await sibling.refresh()
        await ann.refresh()
        at.clock.advance(11)
        assert (await sibling.refresh()).json()["reason"] == "reused"
        await self.assert_over(at, ann, sibling)
