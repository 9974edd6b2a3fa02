"""The claims hook: what it gets, and what a bad one does."""

from collections.abc import Callable
from typing import Any

import pytest

from gatepass.core.claims import AccountFacts, Tokens
from gatepass.core.event import ClaimsFailed
from gatepass.core.session import Session
from tests.sessions.claims_hook.switch import Claims, Switch
from tests.support.browser import EMAIL, Browser, identity
from tests.support.gates import NOW, GateHarness, open_gate


async def both(session: Session, account: AccountFacts) -> Claims:
    return {
        "id": account.id,
        "email": account.email,
        "verified": account.email_verified,
        "since": account.created_at,
        "session": session.sid.hex(),
        "by": list(session.methods),
    }


class Callable2:
    def __call__(self, session: Session, account: AccountFacts) -> Claims:
        return {"email": account.email}


@pytest.mark.parametrize(
    "hook", [both, lambda session, account: both(session, account), Callable2(), lambda *both: {"email": both[1].email}]
)
async def test_a_hook_of_two_arguments_gets_the_session_and_the_account(hook: Any) -> None:
    async with open_gate(tokens=Tokens(claims=hook)) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        principal = at.gate.check.principal([ann.bearer[1]])
        assert principal.claims["email"] == EMAIL
        if "id" in principal.claims:
            assert principal.claims["id"] == principal.account_id
            assert principal.claims["session"] == principal.session_id
            assert (principal.claims["verified"], principal.claims["since"]) == (False, NOW)
            assert principal.claims["by"] == ["pwd"]


async def test_an_account_that_was_verified_since_is_told_as_it_is_now() -> None:
    async with open_gate(tokens=Tokens(claims=both)) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        account_id = at.gate.check.principal([ann.bearer[1]]).account_id
        await at.gate.store.verify_account(account_id, now=NOW)
        await at.gate.refresh_claims(account_id)
        await ann.refresh()
        assert at.gate.check.principal([ann.bearer[1]]).claims["verified"] is True


async def test_a_hook_of_one_argument_costs_no_look_at_the_account_and_none_costs_nothing() -> None:
    for hook, verbs in (
        (lambda session: {}, ["swap", "claims_number"]),
        (both, ["swap", "claims_number", "find_account"]),
        (None, ["swap"]),
    ):
        async with open_gate(tokens=Tokens(claims=hook)) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            at.store.verbs.clear()
            await ann.refresh()
            assert at.store.verbs == verbs


def fails(_session: Session) -> Claims:
    raise LookupError("canary")


BAD: dict[str, tuple[Callable[[Session], Any], str]] = {
    "raises": (fails, "The claims hook raised LookupError."),
    "returns none": (lambda session: None, "The claims hook returned NoneType, which is no mapping of claims."),
    "sets ours": (lambda session: {"sub": "root", "claims_mark": 1}, "The claims hook may not set claims_mark, sub."),
    "no JSON": (lambda session: {"role": object()}, "The claims hook returned what JSON cannot express."),
    "too long": (
        lambda session: {"scope": "notes:read", "groups": ["g" * 40] * 100},
        "With the claims of the claims hook the token has 6195 characters of at most 4096 (max_token_length); the "
        "largest is 'groups' with 4301.",
    ),
}


class TestFailure:
    @pytest.mark.parametrize("case", BAD)
    async def test_a_refresh_without_claims_is_a_503_that_says_why_in_an_event(
        self, at: GateHarness, switch: Switch, ann: Browser, case: str
    ) -> None:
        switch.act, why = BAD[case]
        answer = await ann.refresh()
        assert (answer.status, answer.code) == (503, "claims-unavailable")
        assert answer.one("retry-after")
        assert not answer.cookies
        (event,) = (event for event in at.events if isinstance(event, ClaimsFailed))
        assert (event.why[:30], event.account_id) == (why[:30], at.gate.check.principal([ann.bearer[1]]).account_id)
        assert "canary" not in event.why

    async def test_the_message_for_a_long_token_names_the_hook_the_bound_and_the_largest_claim(
        self, at: GateHarness, switch: Switch, ann: Browser
    ) -> None:
        switch.act, _ = BAD["too long"]
        await ann.refresh()
        (event,) = (event for event in at.events if isinstance(event, ClaimsFailed))
        assert all(text in event.why for text in ("claims hook", "of at most 4096", "max_token_length", "'groups'"))

    @pytest.mark.parametrize("key", [b"k" * 32, None])
    async def test_a_repeat_of_that_refresh_gets_the_successor_and_nobody_is_signed_out(
        self, at: GateHarness, switch: Switch, key: bytes | None
    ) -> None:
        ann = Browser(at.gate.asgi, key=key)
        await ann.register()
        switch.act = fails
        for _ in range(3):
            assert (await ann.refresh()).status == 503
        switch.act = lambda session: {"role": "reader"}
        thief = ann.clone(key=key)
        one, again = await ann.refresh(), await thief.refresh()
        assert (one.status, again.status) == (200, 200)
        if key is not None:
            assert identity(one) == identity(again), "the same successor"
        assert (await ann.refresh()).status == 200

    async def test_a_session_that_such_a_refresh_bound_is_reported_as_bound_once(
        self, at: GateHarness, switch: Switch
    ) -> None:
        """The claims are read after the swap, whose row says whose they are: it is bound whether they come or not."""
        ann = Browser(at.gate.asgi, key=None)
        await ann.register()
        ann.key = b"k" * 32
        switch.act = fails
        assert (await ann.refresh(binds=True)).status == 503
        assert [event.sid for event in at.named("session_bound")] == [ann.sid]  # type: ignore[attr-defined]
        switch.act = lambda session: {}
        assert (await ann.refresh(binds=True)).status == 200
        assert len(at.named("session_bound")) == 1

    @pytest.mark.parametrize("key", [b"k" * 32, None])
    async def test_however_often_and_long_it_fails_no_session_is_lost(
        self, at: GateHarness, switch: Switch, key: bytes | None
    ) -> None:
        ann = Browser(at.gate.asgi, key=key)
        await ann.register()
        switch.act = fails
        for seconds in (0, 1, 30, 60, 3_600, 1, 86_400):
            at.clock.advance(seconds)
            assert (await ann.refreshed()).status == 503
        switch.act = lambda session: {"role": "reader"}
        assert (await ann.refreshed()).status == 200
        assert at.gate.check.principal([ann.bearer[1]]).claims["role"] == "reader"
        assert not at.named("authn_token_reuse")

    async def test_after_a_long_failure_the_client_goes_on_too(
        self, at: GateHarness, switch: Switch, ann: Browser
    ) -> None:
        switch.act = fails
        assert (await ann.refresh()).status == 503
        at.clock.advance(3_600)
        switch.act = lambda session: {}
        assert (await ann.refreshed()).status == 200
        assert not at.named("authn_token_reuse")

    @pytest.mark.parametrize("case", BAD)
    async def test_a_sign_in_without_claims_has_not_happened(
        self, at: GateHarness, switch: Switch, ann: Browser, case: str
    ) -> None:
        account_id = at.gate.check.principal([ann.bearer[1]]).account_id
        before = await at.gate.sessions.list_for_account(account_id)
        switch.act, _ = BAD[case]
        answer = await ann.login()
        assert (answer.status, answer.code) == (503, "claims-unavailable")
        assert await at.gate.sessions.list_for_account(account_id) == before, "the session of before is there still"


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_hook_that_refreshes_claims_is_told_that_it_cannot(is_plain: bool) -> None:
    """The token would be stale when it is issued, and its client would refresh for ever."""
    gates: list[GateHarness] = []
    told: list[str] = []

    def plain(session: Session) -> Claims:
        try:
            gates[0].gate.sync.refresh_claims(session.account_id)
        except RuntimeError as refusal:
            told.append(str(refusal))
        return {}

    async def asynchronous(session: Session) -> Claims:
        try:
            await gates[0].gate.refresh_claims(session.account_id)
        except RuntimeError as refusal:
            told.append(str(refusal))
        return {}

    async with open_gate(tokens=Tokens(claims=plain if is_plain else asynchronous)) as at:
        gates.append(at)
        ann = Browser(at.gate.asgi)
        assert (await ann.register()).status == 201
        assert told
        assert "claims hook" in told[0]
        assert at.gate.check.principal([ann.bearer[1]])
