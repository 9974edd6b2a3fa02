"""What comes before the table: the proof's form, channels, Gatepass-Session (PROTOCOL §2, §4, §6)."""

import dataclasses
from typing import Any

import pytest

from gatepass.core import refresh_token
from gatepass.core.keyring import KeyRing, parse_secret
from gatepass.core.policy import DAY
from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.wire.browsers import Browsers
from tests.server.refreshing import proven, refresh
from tests.support.browser import PASSWORD, RT, STATE, Browser, proof_of
from tests.support.gates import NOW, SECRET, GateHarness, open_gate

KEYS = KeyRing([parse_secret(SECRET)])


def rewritten(text: str, **changes: object) -> str:
    """A validly MACed token with other facts: what only this server could make."""
    token = refresh_token.parse(text, KEYS, channel=Channel.HOST)
    assert isinstance(token, RefreshToken)
    return refresh_token.compose(dataclasses.replace(token, **changes), KEYS)  # type: ignore[arg-type]


PROOF = f"0.{'b' * 11}.{'a' * 22}"


class TestProof:
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "0",
            "0.",
            "0." + "a" * 22,
            f".{'b' * 11}.{'a' * 22}",
            f"0.{'b' * 10}.{'a' * 22}",
            f"0.{'b' * 12}.{'a' * 22}",
            f"0.{'b' * 11}.{'a' * 21}",
            f"0.{'b' * 11}.{'a' * 23}",
            "0" + PROOF,
            "+" + PROOF,
            "-" + PROOF,
            "0x" + PROOF,
            " " + PROOF,
            PROOF.replace(".", " .", 1),
            PROOF[:-1] + "=",
            PROOF[:-1] + "+",
            PROOF[:-1] + "/",
            PROOF + "\t",
            PROOF + ".0",
            f'"{PROOF}"',
            PROOF.replace(".", ","),
            "1234567890" + PROOF,
            f"0.{'b' * 11}.{'é' * 22}",
            f"²{PROOF[1:]}",
            "\xff\xfe",
            "550e8400-e29b-41d4-a716-446655440000",
            PROOF + "a" * 8000,
        ],
    )
    async def test_any_other_form_is_a_400_and_nothing_changes(self, at: GateHarness, ann: Browser, value: str) -> None:
        before = dict(at.memory.rows())
        answer = await refresh(at, cookies=f"{RT}={ann.rt}", headers=(("gatepass-proof", value),))
        assert (answer.status, answer.code) == (400, "invalid-proof")
        assert answer.cookies == []
        assert at.memory.rows() == before
        assert at.store.verbs == []

    async def test_a_proof_that_stands_twice_is_a_400_and_nothing_changes(self, at: GateHarness, ann: Browser) -> None:
        answer = await refresh(at, cookies=f"{RT}={ann.rt}", headers=(*proven(ann), *proven(ann)))
        assert (answer.status, answer.code) == (400, "invalid-proof")
        assert at.store.verbs == []

    @pytest.mark.parametrize("key", [b"k" * 32, b"t" * 32])
    @pytest.mark.parametrize(("generation", "challenge"), [(0, ""), (2, ""), (8, ""), (1, "AAAAAAAAAAA")])
    async def test_one_for_another_token_is_told_the_right_one_and_nothing_changes(
        self, at: GateHarness, ann: Browser, generation: int, challenge: str, key: bytes
    ) -> None:
        await ann.refresh()
        before = dict(at.memory.rows())
        stale = proof_of(key, ann.sid, generation, challenge or ann.challenge)
        answer = await ann.send("POST", "/refresh", headers=[("gatepass-proof", stale)])
        assert (answer.status, answer.code) == (409, "refresh-superseded")
        assert answer.json()["sid"] == ann.sid
        assert answer.json()["refresh_generation"] == 1
        assert answer.json()["refresh_challenge"] == ann.challenge
        (state,) = answer.cookies
        assert (state.name, state.value) == (STATE, f"{ann.sid}.1.{ann.challenge}.{NOW + 7 * DAY}")
        assert state.marks["Max-Age"] == str(7 * DAY)
        assert at.memory.rows() == before
        assert (await ann.refresh()).status == 200

    @pytest.mark.parametrize("key", [b"k" * 32, None])
    async def test_of_nothing_asks_which_session_the_cookie_is_of(self, at: GateHarness, key: bytes | None) -> None:
        """A page of another host sees no cookie; the server may have begun a session on the way there (§5)."""
        bob = Browser(at.gate.asgi, key=key)
        await bob.register("bob@example.com")
        before, verbs = dict(at.memory.rows()), len(at.store.verbs)
        answer = await refresh(at, cookies=f"{RT}={bob.rt}", headers=(("gatepass-proof", f"0.{'A' * 11}.{'A' * 22}"),))
        assert (answer.status, answer.json()["sid"]) == (409, bob.sid)
        assert at.memory.rows() == before
        assert set(at.store.verbs[verbs:]) <= {"find"}, "whether the state cookie lasts"
        nothing = await refresh(at, cookies=None, headers=(("gatepass-proof", f"0.{'A' * 11}.{'A' * 22}"),))
        assert (nothing.status, nothing.code) == (401, "no-session")

    async def test_a_mismatch_names_the_session_that_the_cookie_is_of(self, at: GateHarness, ann: Browser) -> None:
        headers = (*proven(ann), ("gatepass-session", "0" * 32))
        answer = await refresh(at, cookies=f"{RT}={ann.rt}", headers=headers)
        mark = ("sid", ann.sid), ("refresh_generation", 0), ("refresh_challenge", ann.challenge)
        assert (answer.status, answer.code) == (409, "session-mismatch")
        assert answer.json().items() >= set(mark)

    async def test_without_remember_the_corrected_state_cookie_ends_with_the_browser_too(self, at: GateHarness) -> None:
        bob = Browser(at.gate.asgi)
        await bob.register("bob@example.com", remember=False)
        answer = await bob.send("POST", "/refresh", headers=[("gatepass-proof", PROOF)])
        assert "Max-Age" not in answer.cookie(STATE).marks

    async def test_a_tampered_state_cookie_costs_one_round_and_no_session(self, at: GateHarness, ann: Browser) -> None:
        for state in (f"{ann.sid}.41.{ann.challenge}.{NOW}", f"{ann.sid}.0.AAAAAAAAAAA.{NOW}"):
            ann.jar[STATE] = state
            assert (await ann.refresh()).code == "refresh-superseded"
        assert (await ann.refresh()).status == 200

    async def test_an_unbound_session_may_send_one_and_it_means_its_token(self, at: GateHarness) -> None:
        bob = Browser(at.gate.asgi, key=None)
        await bob.register("bob@example.com")
        bob.key = b"k" * 32
        assert (await bob.refresh()).status == 200


class TestChannels:
    """A token counts under the kind of name that it was issued for, and under no other."""

    @pytest.mark.parametrize(
        ("issued", "presented"),
        [
            ({}, {"browsers": Browsers(cookie_path="/auth")}),
            ({"browsers": Browsers(cookie_path="/auth")}, {}),
            ({"public_url": "http://localhost:8000"}, {}),
            ({}, {"public_url": "http://localhost:8000"}),
        ],
    )
    async def test_under_another_kind_of_name_it_is_malformed_and_reaches_no_store(
        self, issued: dict[str, Any], presented: dict[str, Any]
    ) -> None:
        async with open_gate(**issued) as before, open_gate(**presented, store=before.store) as after:
            victim = Browser(before.gate.asgi, names=before.gate.cookies.place.names)
            await victim.register()
            after.store.verbs.clear()
            name = after.gate.cookies.place.names.refresh
            for headers in ((("gatepass-client", "1"),), proven(victim)):
                answer = await refresh(after, cookies=f"{name}={victim.rt}", headers=headers)
                assert (answer.status, answer.code, "sid" in answer.json()) == (401, "session-ended", False)
            assert after.store.verbs == []

    async def test_one_that_is_planted_under_a_weaker_name_beside_the_good_one_does_not_count(
        self, at: GateHarness, ann: Browser
    ) -> None:
        planted = Browser(at.gate.asgi)
        await planted.register("thief@example.com")
        for name in ("__Secure-gatepass", "gatepass_443", "gatepass", "__Host-gatepass"):
            cookies = f"{name}={planted.rt}; {RT}={ann.rt}; {name}={planted.rt}"
            answer = await refresh(at, cookies=cookies, headers=proven(ann))
            assert answer.json()["session_id"] == ann.sid
            ann.absorb(answer)
            assert (await refresh(at, cookies=f"{name}={planted.rt}")).code == "no-session"


async def test_a_refresh_needs_no_bearer_token_and_ignores_one(at: GateHarness, ann: Browser) -> None:
    headers = [*ann.refresh_headers(), ("authorization", "Bearer rubbish")]
    assert (await ann.send("POST", "/refresh", headers=headers)).status == 200


async def test_a_forged_row_of_another_account_cannot_be_reached_by_a_token(at: GateHarness, ann: Browser) -> None:
    """A sid that no row has is over; no other row is touched (P5)."""
    text = rewritten(ann.rt, sid=bytes(16), binding=bytes(16))
    answer = await refresh(at, cookies=f"{RT}={text}")
    assert answer.json()["reason"] == "unknown"
    assert (await ann.refresh()).status == 200


async def test_the_password_is_not_needed_again_within_the_session(at: GateHarness, ann: Browser) -> None:
    for _ in range(4):
        at.clock.advance(6 * DAY)
        assert (await ann.refreshed()).status == 200
    assert at.hasher.calls == 1
    assert PASSWORD not in str(ann.jar)
