"""A store that is ill: 503 and Retry-After, nothing handed out, nothing cleared, nothing revoked (EL-03)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.gate import Gatepass
from tests.support.asgi import Answer, call
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.gates import SECRET, GateHarness

Ask = Callable[[Browser], Awaitable[Answer]]


async def register(ann: Browser) -> Answer:
    return await ann.register("new@example.com")


async def login(ann: Browser) -> Answer:
    return await ann.login()


async def failed_login(ann: Browser) -> Answer:
    return await ann.login(password="wrong wrong wrong")


async def refresh(ann: Browser) -> Answer:
    return await ann.refresh()


async def repeat(ann: Browser) -> Answer:
    saved = dict(ann.jar)
    ann.jar = dict(SAVED)
    try:
        return await ann.refresh()
    finally:
        ann.jar = saved


async def login_after_a_failure(ann: Browser) -> Answer:
    await failed_login(ann)
    return await login(ann)


async def wrong_generation(ann: Browser) -> Answer:
    return await ann.send("POST", "/refresh", headers=[("gatepass-proof", f"77.{'b' * 11}.{'a' * 22}")])


async def theft(ann: Browser) -> Answer:
    """Of a session that is bound by two."""
    owner = Browser(ann.app, key=None)
    await owner.login()
    thief = owner.clone(key=b"t" * 32)
    await thief.refresh(binds=True)
    return await owner.refresh()


async def logout(ann: Browser) -> Answer:
    return await ann.logout()


async def logout_all(ann: Browser) -> Answer:
    return await ann.send("POST", "/logout-all", headers=[ann.bearer])


async def logout_others(ann: Browser) -> Answer:
    return await ann.send("POST", "/logout-others", headers=[ann.bearer])


async def sessions(ann: Browser) -> Answer:
    return await ann.get("/sessions")


async def delete_session(ann: Browser) -> Answer:
    return await ann.send("DELETE", f"/sessions/{ann.sid}", headers=[ann.bearer])


async def me(ann: Browser) -> Answer:
    return await ann.get("/me")


async def password(ann: Browser) -> Answer:
    body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
    return await ann.send("POST", "/password", headers=[ann.bearer], body=body)


SAVED: dict[str, str] = {}
CASES: list[tuple[Ask, str]] = [
    (register, "add_account"),
    (register, "add"),
    (register, "revoke"),
    (login, "attempts"),
    (login, "find_account_by_email"),
    (login_after_a_failure, "clear_attempts"),
    (login, "add"),
    (login, "revoke"),
    (failed_login, "count_failure"),
    (refresh, "swap"),
    (repeat, "find"),
    (wrong_generation, "find"),
    (theft, "revoke"),
    (logout, "revoke"),
    (logout_all, "revoke_all"),
    (logout_others, "revoke_all"),
    (sessions, "list_for_account"),
    (delete_session, "find"),
    (delete_session, "revoke"),
    (me, "find_account"),
    (password, "find_account"),
    (password, "attempts"),
    (password, "change_password"),
]


@pytest.fixture
async def used(at: GateHarness, ann: Browser) -> Browser:
    """Ann after a refresh, with the jar of before it saved for repeats and thieves."""
    SAVED.clear()
    SAVED.update(ann.jar)
    await ann.refresh()
    return ann


def fail_at(at: GateHarness, verb: str, fault: Exception) -> list[str]:
    failed = []

    async def fail(called: str) -> None:
        if called == verb:
            failed.append(verb)
            raise fault

    at.store.before = fail
    return failed


@pytest.mark.parametrize(("ask", "verb"), CASES)
async def test_whatever_verb_fails_it_is_a_503_that_changes_nothing_at_the_client(
    at: GateHarness, used: Browser, ask: Ask, verb: str
) -> None:
    failed = fail_at(at, verb, StoreUnavailable())
    jar = dict(used.jar)
    answer = await ask(used)
    assert failed == [verb]
    assert (answer.status, answer.code) == (503, "store-unavailable")
    assert int(answer.one("retry-after")) == answer.json()["retry_after"] >= 1
    assert answer.cookies == []
    assert "access_token" not in answer.json()
    assert used.jar == jar

    at.store.before = None
    assert (await used.refresh()).status == 200, "nothing was revoked"
    assert (await used.get("/me")).status == 200


@pytest.mark.parametrize(("ask", "verb"), CASES)
async def test_an_unexpected_error_is_a_500_that_tells_the_log_and_nobody_else(
    at: GateHarness, used: Browser, ask: Ask, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    fail_at(at, verb, RuntimeError("canary in the trace"))
    with caplog.at_level(logging.DEBUG):
        answer = await ask(used)
    assert (answer.status, answer.code) == (500, "internal-error")
    assert answer.cookies == []
    assert "canary" not in answer.body.decode() + str(answer.headers)
    assert "canary in the trace" in caplog.text
    at.store.before = None
    assert (await used.refresh()).status == 200


async def test_the_cause_of_an_ill_store_goes_to_the_log_and_not_to_the_caller(
    at: GateHarness, used: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    fault = StoreUnavailable()
    fault.__cause__ = OSError("disk on fire")
    fail_at(at, "swap", fault)
    answer = await used.refresh()
    assert "disk on fire" in caplog.text
    assert "disk on fire" not in answer.body.decode()


async def test_a_lost_write_that_was_answered_with_503_is_made_good_by_the_retry(
    at: GateHarness, used: Browser
) -> None:
    """The store did it but could not say so."""

    async def fail(verb: str) -> None:
        if verb == "swap":
            raise StoreUnavailable

    at.store.after = fail
    assert (await used.refresh()).status == 503
    at.store.after = None
    assert (await used.refresh()).status == 200
    assert not at.named("authn_token_reuse")


class TestOpening:
    async def test_a_store_that_is_ill_at_the_first_request_is_a_503_and_the_next_one_tries_again(
        self,
    ) -> None:
        at = GateHarness()
        fail_at(at, "revoked_since", StoreUnavailable())
        ann = Browser(at.gate.asgi)
        try:
            assert (await ann.register()).status == 503
            assert at.store.verbs == [
                "open",
                "signing_keys",
                "sample_password_hashes",
                "time",
                "claims_marks",
                "revoked_since",
                "close",
            ], "what was opened is closed again"
            at.store.before = None
            assert (await ann.register()).status == 201
        finally:
            await at.gate.close()

    async def test_a_lifespan_over_a_store_that_cannot_be_used_does_not_start(self) -> None:
        at = GateHarness()
        fail_at(at, "open", ConfigurationError("no such folder"))
        with pytest.raises(ConfigurationError, match="no such folder"):
            async with at.gate.running():
                pytest.fail("it started")

    async def test_many_first_requests_open_the_gate_once(self) -> None:
        at = GateHarness()
        try:
            answers = await asyncio.gather(*(call(at.gate.asgi, "GET", "/jwks.json") for _ in range(20)))
            assert {answer.status for answer in answers} == {200}
            assert at.store.verbs.count("open") == 1
        finally:
            await at.gate.close()

    async def test_a_gate_can_be_closed_twice_and_opened_again(self) -> None:
        at = GateHarness()
        async with at.gate.running():
            ann = Browser(at.gate.asgi)
            await ann.register()
        await at.gate.close()
        async with at.gate.running():
            assert (await ann.refresh()).status == 200

    async def test_a_store_given_by_url_is_opened_by_the_gate(self) -> None:
        gate = Gatepass(secrets=[SECRET], public_url=ORIGIN, store="memory://")
        async with gate.running():
            assert (await call(gate.asgi, "GET", "/jwks.json")).status == 200


async def test_guards_stay_open_while_the_store_is_ill(at: GateHarness, used: Browser) -> None:
    """An access token is checked without the store."""

    async def fail(verb: str) -> None:
        raise StoreUnavailable

    at.store.before = fail
    assert at.gate.check.principal([used.bearer[1]]).session_id == used.sid
    at.store.before = None
