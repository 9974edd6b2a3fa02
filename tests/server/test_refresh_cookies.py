"""Which refresh cookie counts: none, garbage, several of one session, those of two (PROTOCOL §6)."""

import base64

import pytest

from tests.server.refreshing import proven, refresh
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness


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
