"""The endpoint by which end-to-end tests sign in: where it exists, who may call it, and what it makes."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass import AuthenticatedUser, Gatepass, HookFacts, Refused
from gatepass.core import base64url
from gatepass.errors import ConfigurationError
from gatepass.testing import memory_gate
from tests.support.asgi import Answer, call
from tests.support.browser import Browser
from tests.support.gates import GateHarness, open_gate

URL = "http://localhost:8000"
HERE = [("host", "localhost:8000"), ("gatepass-client", "1"), ("content-type", "application/json")]
NAMES = ("gatepass_8000", "gatepass_state_8000")


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    async with open_gate(public_url=URL, testing=True) as opened:
        yield opened


async def ask(
    gate: Gatepass,
    *,
    peer: str | None = "127.0.0.1",
    headers: list[tuple[str, str]] | None = None,
    without: tuple[str, ...] = (),
    **body: Any,
) -> Answer:
    """A request of a test, with headers added and left out."""
    kept = [pair for pair in HERE if pair[0] not in without]
    who = body or {"email": "ann@example.com"}
    client = None if peer is None else (peer, 50_000)
    raw = json.dumps(who).encode()
    return await call(
        gate.asgi, "POST", "/testing/sessions", headers=[*kept, *(headers or [])], body=raw, client=client
    )


async def test_a_session_begins_without_a_password_and_without_a_hash(at: GateHarness) -> None:
    answer = await ask(at.gate)
    assert answer.status == 200
    assert {cookie.name for cookie in answer.cookies} == set(NAMES)
    account = await at.gate.accounts.find_by_email("ann@example.com")
    assert account is not None
    assert (account.id, account.has_password) == (answer.json()["account"]["id"], False)
    assert at.hasher.calls == 0
    assert at.gate.check.principal([f"Bearer {answer.json()['access_token']}"]).account_id == account.id


async def test_the_session_is_bound_and_the_script_holds_its_key(at: GateHarness) -> None:
    answer = await ask(at.gate, email="ann@example.com", auth_url=f"{URL}/auth")
    found = re.search(r"\((\{[^()]*\})\);$", answer.json()["init_script"])
    assert found is not None
    facts = json.loads(found[1])
    assert (facts["issuer"], facts["sid"]) == (f"{URL}/auth", answer.json()["session_id"])
    key = base64url.decode(facts["secret"].encode())
    owner = Browser(at.gate.asgi, origin=URL, key=key, names=NAMES)
    owner.absorb(answer)
    thief = owner.clone(key=None)
    assert (await thief.refresh()).code == "proof-required"
    assert (await owner.refresh()).status == 200
    assert not at.named("authn_token_reuse")


async def test_a_page_that_has_its_own_key_binds_the_session_to_it(at: GateHarness) -> None:
    page = Browser(at.gate.asgi, origin=URL, names=NAMES)
    answer = await ask(at.gate, email="ann@example.com", binding_secret=base64url.encode(page.key or b""))
    assert "init_script" not in answer.json()
    page.absorb(answer)
    assert (await page.refresh()).status == 200


async def test_routes_that_want_several_factors_are_opened_by_the_methods_that_the_test_names(at: GateHarness) -> None:
    answer = await ask(at.gate, email="ann@example.com", methods=["pwd", "otp", "mfa"])
    caller = at.gate.check.principal([f"Bearer {answer.json()['access_token']}"])
    assert (caller.methods, caller.acr) == (("pwd", "otp", "mfa"), "mfa")
    assert (await ask(at.gate, email="ann@example.com", methods=["by word"])).code == "invalid-body"


async def test_each_call_begins_a_session_of_the_same_account(at: GateHarness) -> None:
    first, second = await ask(at.gate), await ask(at.gate, email="Ann@Example.com")
    assert first.json()["account"] == second.json()["account"]
    assert first.json()["session_id"] != second.json()["session_id"]
    by_id = await ask(at.gate, account_id=first.json()["account"]["id"])
    assert by_id.json()["account"] == first.json()["account"]


@pytest.mark.parametrize("body", [{"email": "ann"}, {"email": "a@b.example", "account_id": "x"}, {"remember": True}])
async def test_a_body_that_names_nobody_says_so(at: GateHarness, body: dict[str, Any]) -> None:
    assert (await ask(at.gate, **body)).code == "invalid-body"


async def test_an_id_of_no_account_is_not_found(at: GateHarness) -> None:
    assert (await ask(at.gate, account_id="nobody")).status == 404


async def test_hooks_refuse_as_in_every_sign_in(at: GateHarness) -> None:
    @at.gate.before("sign_in")
    def closed(facts: HookFacts[None]) -> None:
        raise Refused("closed", "Come back in the morning.")

    assert (await ask(at.gate)).code == "app:closed"


async def test_with_users_of_the_application_their_id_is_named() -> None:
    class People:
        def authenticate(self, email: str, password: str, request: object) -> None:
            raise AssertionError

        def find(self, user_id: str) -> AuthenticatedUser | None:
            return AuthenticatedUser("7", "ann@example.com") if user_id == "7" else None

    async with open_gate(public_url=URL, testing=True, users=People()) as at:
        assert (await ask(at.gate, account_id="7")).json()["account"]["email"] == "ann@example.com"
        assert (await ask(at.gate, account_id="8")).status == 404
        assert (await ask(at.gate)).code == "invalid-body"


@pytest.mark.parametrize(
    "request_",
    [
        {"peer": "203.0.113.7"},
        {"peer": "172.17.0.1"},
        {"without": ("host",), "headers": [("host", "evil.example:8000")]},
        {"without": ("host",)},
        {"headers": [("x-forwarded-for", "203.0.113.7, 127.0.0.1")]},
        {"headers": [("forwarded", "for=127.0.0.1")]},
        {"headers": [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]},
        {"headers": [("origin", "http://evil.example:8000")]},
        {"without": ("gatepass-client",)},
    ],
)
async def test_no_other_machine_and_no_foreign_page_is_answered(at: GateHarness, request_: dict[str, Any]) -> None:
    answer = await ask(at.gate, **request_)
    assert (answer.status, answer.code) == (403, "cross-site")
    assert not answer.cookies
    assert await at.gate.accounts.find_by_email("ann@example.com") is None


@pytest.mark.parametrize(
    "request_",
    [
        {"peer": None},
        {"peer": "::1"},
        {"headers": [("x-forwarded-for", "127.0.0.1")]},
        {"headers": [("origin", URL), ("sec-fetch-site", "same-origin")]},
    ],
)
async def test_this_machine_is_answered_also_behind_a_proxy_of_development(
    at: GateHarness, request_: dict[str, Any]
) -> None:
    assert (await ask(at.gate, **request_)).status == 200


async def test_without_the_setting_there_is_no_such_endpoint() -> None:
    async with open_gate(public_url=URL) as at:
        assert (await ask(at.gate)).code == "not-found"


async def test_it_is_in_no_document(at: GateHarness) -> None:
    assert "testing" not in json.dumps(at.gate.describe())


async def test_the_log_says_that_it_is_on(caplog: pytest.LogCaptureFixture) -> None:
    async with open_gate(public_url=URL, testing=True):
        assert [record.message for record in caplog.records if "/testing/sessions" in record.message]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"public_url": "https://example.com"}, "`public_url` must be on a loopback host"),
        ({"public_url": "https://localhost.example.com"}, "`public_url`"),
        ({"public_url": URL, "store": "postgresql://gate@db.internal/app?sslmode=verify-full"}, "not on db.internal"),
        ({"public_url": URL, "sessions": "rediss://cache.internal"}, "`sessions` must be on this machine"),
    ],
)
def test_settings_of_production_refuse_to_start_with_it(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        memory_gate(**options, testing=True)
    assert told in str(refused.value)


@pytest.mark.parametrize("store", ["memory://", "postgresql://gate@localhost/app", "postgresql://g@%2Frun%2Fpg/app"])
def test_stores_of_this_machine_are_fine(store: str) -> None:
    memory_gate(public_url="https://localhost:8443", store=store, testing=True)


@pytest.mark.parametrize("host", ["[", "[::1", "a]b", "\xff"])
async def test_a_host_that_is_none_is_refused(at: GateHarness, host: str) -> None:
    answer = await ask(at.gate, headers=[("host", host)], without=("host",))
    assert (answer.status, answer.code) == (403, "cross-site")
