"""What comes before the table: the proof's form, cookies, channels, Gatepass-Session (PROTOCOL §2, §4, §6)."""

import base64
import dataclasses
from typing import Any

import pytest

from gatepass.core import refresh_token
from gatepass.core.keyring import KeyRing, parse_secret
from gatepass.core.policy import DAY
from gatepass.core.refresh_token import Channel, RefreshToken
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import PASSWORD, RT, STATE, Browser, proof_of
from tests.support.gates import NOW, SECRET, GateHarness, open_gate

KEYS = KeyRing([parse_secret(SECRET)])


async def refresh(
    at: GateHarness, *, cookies: str | None, headers: tuple[tuple[str, str | bytes], ...] = (("gatepass-client", "1"),)
) -> Answer:
    sent: list[tuple[str, str | bytes]] = [("origin", min(at.gate.origins.own)), *headers]
    if cookies is not None:
        sent.append(("cookie", cookies))
    return await call(at.gate.asgi, "POST", "/refresh", headers=sent)


def rewritten(text: str, **changes: object) -> str:
    """A validly MACed token with other facts: what only this server could make."""
    token = refresh_token.parse(text, KEYS, channel=Channel.HOST)
    assert isinstance(token, RefreshToken)
    return refresh_token.compose(dataclasses.replace(token, **changes), KEYS)  # type: ignore[arg-type]


def proven(who: Browser) -> tuple[tuple[str, str], ...]:
    """The headers of a proven refresh, without what the client believes."""
    return (("gatepass-proof", proof_of(who.key or b"", who.sid, who.generation, who.challenge)),)


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


class TestCookies:
    async def test_no_cookie_is_no_session(self, at: GateHarness) -> None:
        answer = await refresh(at, cookies=None)
        assert (answer.status, answer.code) == (401, "no-session")
        assert answer.cookies == []
        assert at.store.verbs == []

    @pytest.mark.parametrize(
        "garbage",
        [
            "",
            "x",
            "gp_rt_",
            "gp_rt_" + "A" * 194,
            "gp_rt_" + "A" * 193,
            "gp_rt_" + "A" * 195,
            "gp_rt_" + "A" * 193 + "=",
            "GP_RT_" + "A" * 194,
            "gp_rt_" + "é" * 194,
            "gp_rt_" + "A" * 100_000,
            "null",
        ],
    )
    async def test_garbage_is_refused_without_sid_reason_cookies_or_a_store_call(
        self, at: GateHarness, garbage: str
    ) -> None:
        answer = await refresh(at, cookies=f"{RT}={garbage}")
        assert (answer.status, answer.code) == (401, "session-ended")
        assert set(answer.json()) == {"type", "title", "status", "detail", "code"}
        assert answer.cookies == []
        assert at.store.verbs == []

    async def test_a_token_with_one_changed_bit_anywhere_is_garbage(self, at: GateHarness, ann: Browser) -> None:
        raw = bytearray(base64.urlsafe_b64decode(ann.rt.removeprefix("gp_rt_") + "=="))
        for place in (0, 2, 3, 18, 19, 22, 23, 39, 55, 71, 102, 103, 112, 113, 144):
            raw[place] ^= 1
            text = "gp_rt_" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
            answer = await refresh(at, cookies=f"{RT}={text}")
            assert (answer.status, "sid" in answer.json()) == (401, False), place
            raw[place] ^= 1
        assert at.store.verbs == []

    async def test_a_padded_or_respelt_token_is_garbage(self, at: GateHarness, ann: Browser) -> None:
        for text in (ann.rt + "=", f'"{ann.rt}"', ann.rt.upper(), ann.rt + "A", "x" + ann.rt):
            assert (await refresh(at, cookies=f"{RT}={text}")).status == 401, text
        assert at.store.verbs == []

    async def test_garbage_beside_a_good_token_does_not_disturb_it(self, at: GateHarness, ann: Browser) -> None:
        for cookies in (f"{RT}=x; {RT}={ann.rt}", f"{RT}={ann.rt}; {RT}=x", f"__Secure-gatepass=x; {RT}={ann.rt}"):
            assert (await refresh(at, cookies=cookies, headers=proven(ann))).status == 200, cookies

    async def test_of_several_tokens_of_one_session_the_highest_generation_counts(
        self, at: GateHarness, ann: Browser
    ) -> None:
        old = ann.rt
        for _ in range(2):
            await ann.refresh()
        for cookies in (f"{RT}={old}; {RT}={ann.rt}", f"{RT}={ann.rt}; {RT}={old}"):
            answer = await refresh(at, cookies=cookies, headers=proven(ann))
            assert answer.json()["refresh_generation"] == 3

    async def test_two_sessions_without_a_belief_are_a_mismatch_and_nobody_is_revoked(
        self, at: GateHarness, ann: Browser
    ) -> None:
        bob = Browser(at.gate.asgi)
        await bob.register("bob@example.com")
        answer = await refresh(at, cookies=f"{RT}={ann.rt}; {RT}={bob.rt}")
        assert (answer.status, answer.code) == (409, "session-mismatch")
        assert answer.cookies == []
        assert (await ann.refresh()).status == (await bob.refresh()).status == 200

    async def test_two_sessions_with_a_belief_refresh_the_believed_one(self, at: GateHarness, ann: Browser) -> None:
        bob = Browser(at.gate.asgi)
        await bob.register("bob@example.com")
        for who in (ann, bob):
            answer = await refresh(
                at,
                cookies=f"{RT}={ann.rt}; {RT}={bob.rt}",
                headers=(*proven(who), ("gatepass-session", who.sid)),
            )
            assert answer.json()["session_id"] == who.sid

    @pytest.mark.parametrize("belief", ["0" * 32, "", "x", "A" * 32, "é"])
    async def test_a_belief_in_another_session_is_a_mismatch_and_nothing_changes(
        self, at: GateHarness, ann: Browser, belief: str
    ) -> None:
        answer = await refresh(
            at, cookies=f"{RT}={ann.rt}", headers=(("gatepass-client", "1"), ("gatepass-session", belief))
        )
        assert (answer.status, answer.code) == (409, "session-mismatch")
        assert answer.cookies == []
        assert at.store.verbs == []
        assert (await ann.refresh()).status == 200

    async def test_two_cookie_headers_are_read_both(self, at: GateHarness, ann: Browser) -> None:
        headers = (*proven(ann), ("cookie", "theme=dark"), ("cookie", f"{RT}={ann.rt}"))
        assert (await refresh(at, cookies=None, headers=headers)).status == 200

    @pytest.mark.parametrize(
        "name", [f"\xa0{RT}", f"\x85{RT}", f"\x0b{RT}", f"\x1f{RT}", RT.lower(), RT.upper(), f"x{RT}"]
    )
    async def test_only_the_exact_cookie_name_counts(self, at: GateHarness, ann: Browser, name: str) -> None:
        """A browser guards the prefix of `__Host-Http-gatepass`, not of its look-alikes."""
        assert (await refresh(at, cookies=f"{name}={ann.rt}")).code == "no-session"


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
