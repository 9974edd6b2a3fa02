"""PROTOCOL §4 over HTTP for a bound session: unproven, advance. There is no reuse."""

import pytest

from gatepass.core.policy import DAY
from gatepass.core.session import NO_FINGERPRINT
from tests.server.rows import guard_status, row
from tests.support.asgi import Answer
from tests.support.browser import STATE, Browser, proof_of
from tests.support.gates import NOW, GateHarness

OTHER_KEY = b"t" * 32


class TestSignIn:
    async def test_the_session_is_bound_to_the_key_that_came_with_it(self, at: GateHarness, ann: Browser) -> None:
        listed = (await ann.get("/sessions")).json()["sessions"]
        assert [(entry["bound"], entry["methods"]) for entry in listed] == [("key", ["pwd"])]
        assert row(at, ann).generation == -1
        assert row(at, ann).previous == NO_FINGERPRINT

    async def test_the_client_finds_its_key_by_the_first_half_of_the_id_of_the_session(self, at: GateHarness) -> None:
        tabs = [Browser(at.gate.asgi) for _ in range(2)]
        for tab in tabs:
            await tab.login() if tab is tabs[1] else await tab.register()
        assert tabs[0].sid[:16] == tabs[1].sid[:16] == "f16a9767f29c892f"
        assert tabs[0].sid != tabs[1].sid

    async def test_no_row_has_the_key_or_anything_that_is_a_token(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh()
        stored = repr(row(at, ann))
        assert repr(ann.key) not in stored
        assert ann.rt not in stored


class TestUnproven:
    @pytest.mark.parametrize(("key", "reason"), [(None, "missing"), (OTHER_KEY, "wrong")])
    async def test_a_copy_of_the_cookie_gets_nothing_and_disturbs_nobody(
        self, at: GateHarness, ann: Browser, key: bytes | None, reason: str
    ) -> None:
        before = dict(at.memory.rows())
        answer = await ann.clone(key=key).refresh()
        assert (answer.status, answer.code, answer.json()["reason"]) == (403, "proof-required", reason)
        assert answer.cookies == []
        assert at.store.verbs == []
        assert at.memory.rows() == before
        assert (await ann.refresh()).status == 200
        assert await guard_status(ann) == 200

    async def test_the_answer_helps_the_person_who_forwarded_the_cookie_from_a_server(
        self, at: GateHarness, ann: Browser
    ) -> None:
        detail = (await ann.clone().refresh()).json()["detail"]
        assert "Gatepass-Proof" in detail
        assert "server that renders" in detail

    async def test_copies_of_any_age_at_any_pace_get_nothing(self, at: GateHarness, ann: Browser) -> None:
        thieves = [ann.clone(key=OTHER_KEY)]
        for _ in range(5):
            assert (await ann.refresh()).status == 200
            thieves.append(ann.clone(key=OTHER_KEY))
            assert [(await thief.refresh()).status for thief in thieves] == [403] * len(thieves)
        assert not at.named("authn_token_reuse")

    async def test_a_proof_for_another_generation_or_challenge_under_the_right_name_is_wrong(
        self, at: GateHarness, ann: Browser
    ) -> None:
        key = ann.key or b""
        right = proof_of(key, ann.sid, 0, ann.challenge).rpartition(".")[0]
        for made_for in (
            proof_of(key, ann.sid, 1, ann.challenge),
            proof_of(key, ann.sid, 0, "A" * 11),
            proof_of(key, "0" * 32, 0, ann.challenge),
        ):
            sent = f"{right}.{made_for.rpartition('.')[2]}"
            answer = await ann.send("POST", "/refresh", headers=[("gatepass-proof", sent)])
            assert (answer.status, answer.json()["reason"]) == (403, "wrong")

    async def test_a_key_that_is_offered_in_the_body_proves_nothing(self, at: GateHarness, ann: Browser) -> None:
        for key in (OTHER_KEY, ann.key):
            thief = ann.clone(key=None)
            thief.key, headers = key, thief.refresh_headers()
            secret = {"binding_secret": "dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ"}
            assert (await thief.send("POST", "/refresh", body=secret, headers=headers)).status == 403
        assert at.store.verbs == []

    async def test_a_browser_that_lost_its_key_and_offers_a_new_one_is_no_alarm(
        self, at: GateHarness, ann: Browser
    ) -> None:
        answer = await ann.clone(key=OTHER_KEY).refresh(binds=True)
        assert (answer.status, answer.json()["reason"]) == (403, "missing")
        (event,) = at.named("authn_refresh_unproven")
        assert event.reason == "missing"  # type: ignore[attr-defined]

    async def test_each_is_an_event_with_the_network_that_it_came_from(self, at: GateHarness, ann: Browser) -> None:
        await ann.refresh()
        await ann.clone(key=OTHER_KEY).refresh()
        (event,) = at.named("authn_refresh_unproven")
        assert (event.level, event.address) == ("warning", "203.0.113.0/24")
        facts = (event.sid, event.generation, event.reason)  # type: ignore[attr-defined]
        assert facts == (ann.sid, 1, "wrong")

    async def test_who_recorded_a_request_can_repeat_that_one_and_nothing_that_comes_of_it(
        self, at: GateHarness, ann: Browser
    ) -> None:
        recorded, cookie = ann.refresh_headers(), dict(ann.jar)
        await ann.refresh()
        thief = ann.clone()
        thief.jar = cookie

        async def replay() -> Answer:
            return await thief.send("POST", "/refresh", headers=recorded, lose=True)

        within = await replay()
        assert (within.status, "access_token" in within.json()) == (200, True)
        thief.absorb(within)
        assert (await thief.refresh()).status == 403
        thief.jar = cookie
        at.clock.advance(11)
        late = await replay()
        assert (late.status, "access_token" in late.json()) == (409, False)
        await ann.refresh()
        assert (await replay()).status == 409, "one of any age"
        assert (await ann.refresh()).status == 200

    async def test_an_expired_copy_is_unproven_and_nothing_else(self, at: GateHarness, ann: Browser) -> None:
        at.clock.advance(7 * DAY)
        assert (await ann.clone().refresh()).status == 403
        assert (await ann.refresh()).json()["reason"] == "expired"


class TestAdvance:
    async def test_the_successor_is_committed_and_a_new_pair_comes(self, at: GateHarness, ann: Browser) -> None:
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
            "refresh_challenge": ann.challenge,
        }
        assert (before.generation, after.generation, ann.generation) == (-1, 0, 1)
        assert await guard_status(ann) == 200

    async def test_the_usual_refresh_is_one_store_call(self, at: GateHarness, ann: Browser) -> None:
        for _ in range(3):
            assert (await ann.refresh()).status == 200
        assert at.store.verbs == ["swap"] * 3

    async def test_nothing_is_stored_per_refresh(self, at: GateHarness, ann: Browser) -> None:
        size = len(repr(row(at, ann)))
        for _ in range(40):
            assert (await ann.refresh()).status == 200
        assert len(at.memory.rows()) == 1
        assert len(repr(row(at, ann))) <= size + 100

    async def test_every_pair_and_every_challenge_differs_from_the_one_before(
        self, at: GateHarness, ann: Browser
    ) -> None:
        seen = {ann.rt, ann.access_token, ann.challenge}
        for _ in range(3):
            await ann.refresh()
            seen |= {ann.rt, ann.access_token, ann.challenge}
        assert len(seen) == 12

    async def test_the_pass_never_outlives_the_session(self, at: GateHarness, ann: Browser) -> None:
        for _ in range(5):
            at.clock.advance(6 * DAY - 60)
            answer = await ann.refresh()
        assert answer.json()["expires_in"] == 300
        assert ann.jar[STATE].endswith(f".{NOW + 30 * DAY}")
        at.clock.advance(300)
        assert (await ann.refresh()).json()["reason"] == "expired"

    @pytest.mark.parametrize("lost_writes", [1, 2, 5, 20])
    async def test_a_store_that_lost_writes_moves_forward_to_what_is_presented(
        self, at: GateHarness, ann: Browser, lost_writes: int
    ) -> None:
        await ann.refresh()
        old = row(at, ann)
        for _ in range(lost_writes):
            await ann.refresh()
        at.memory.rows()[old.sid] = old
        assert (await ann.refresh()).status == 200
        assert row(at, ann).generation == old.generation + lost_writes + 1
        assert (await ann.refresh()).status == 200
