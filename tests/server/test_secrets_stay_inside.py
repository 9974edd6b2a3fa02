"""A canary in every place where a secret can stand; no log, repr, error or answer may sing (EL-04, EL-06)."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gatepass.core.keyring import KeyRing, derive, parse_secret
from gatepass.errors import Problem
from gatepass.sessions.tokens import Grant
from tests.server.test_endpoints import SESSION_ENDPOINTS as ENDPOINTS
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, RT, Browser, secret_of
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate

CANARY = "canary-Zq7-canary-Zq7"
CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")
BODIES = [
    f'{{"email":"{EMAIL}","password":"{CANARY}"}}',
    f'{{"email":"{EMAIL}","password":["{CANARY}"]}}',
    f'{{"email":"{EMAIL}","password":{{"{CANARY}":"{CANARY}"}}}}',
    f'{{"email":["{CANARY}"],"password":"{CANARY}"}}',
    f'{{"email":"{CANARY}","password":"{CANARY}"}}',
    f'{{"email":"{EMAIL}","password":"x","remember":"{CANARY}"}}',
    f'{{"email":"{EMAIL}","password":"x","{CANARY}":1}}',
    f'{{"email":"{EMAIL}","password":"x","canary_Zq7":1}}',
    f'{{"email":"{EMAIL}","password":"{CANARY}',
    f'"{CANARY}"',
    f'["{CANARY}"]',
    CANARY,
    f'{{"email":"{EMAIL}","password":"{CANARY * 20}"}}',
    f'{{"current":"{CANARY}","new":"{CANARY}"}}',
    f'{{"current":"{CANARY}","new":"short"}}',
    f'{{"current":["{CANARY}"],"new":"{CANARY}"}}',
    f'{{"binding_secret":"{CANARY}"}}',
    f'{{"email":"{EMAIL}","password":"x","binding_secret":"{CANARY * 2 + "A"}"}}',
]
HEADERS = [
    ("authorization", f"Bearer {CANARY}"),
    ("authorization", f"Basic {CANARY}"),
    ("authorization", CANARY),
    ("cookie", f"{RT}={CANARY}"),
    ("cookie", f"{RT}=gp_rt_{CANARY}"),
    ("cookie", CANARY),
    ("gatepass-proof", CANARY),
    ("gatepass-proof", f"0.{CANARY[:11]}.{CANARY}A"),
    ("gatepass-session", CANARY),
    ("gatepass-client", CANARY),
    ("origin", f"https://{CANARY}.example"),
    ("content-type", CANARY),
    ("content-length", CANARY),
    ("x-forwarded-for", CANARY),
]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that is logged, down to DEBUG."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def _assert_silent(answer: Answer, log: pytest.LogCaptureFixture, canary: str = "Zq7") -> None:
    told = answer.body.decode("utf-8", "replace") + str(answer.headers)
    assert canary not in told
    assert canary not in log.text
    assert not [record for record in log.records if canary in str(record.__dict__)]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_nothing_of_a_body_comes_back_or_is_logged(
    at: GateHarness, ann: Browser, log: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    for body in BODIES:
        for headers in ([CLIENT, JSON], [CLIENT, JSON, ann.bearer], [CLIENT, ("content-type", "text/plain")]):
            answer = await call(at.gate.asgi, method, path, headers=headers, body=body.encode())
            if answer.status != 201 and "access_token" not in answer.body.decode():
                _assert_silent(answer, log)


@pytest.mark.parametrize(("name", "value"), HEADERS)
async def test_nothing_of_a_header_comes_back_or_is_logged(
    at: GateHarness, log: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    headers = [(name, value), *([] if name == "gatepass-client" else [CLIENT])]
    for method, path in ENDPOINTS:
        _assert_silent(await call(at.gate.asgi, method, path, headers=headers), log)


async def test_nothing_of_a_query_comes_back_or_is_logged(at: GateHarness, log: pytest.LogCaptureFixture) -> None:
    for method, path in ENDPOINTS:
        answer = await call(at.gate.asgi, method, path, headers=[CLIENT], query=f"access_token={CANARY}".encode())
        _assert_silent(answer, log)


async def test_a_whole_life_leaves_no_token_password_or_key_in_the_log(log: pytest.LogCaptureFixture) -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        secrets = {SECRET, CANARY + " pass phrase", "another pass phrase Zq7"}
        first = await ann.register(EMAIL, CANARY + " pass phrase")
        assert first.status == 201
        await ann.login(EMAIL, "wrong Zq7 wrong Zq7")
        for _ in range(3):
            secrets |= {ann.rt, ann.access_token, ann.refresh_headers()[0][1]}
            await ann.refresh()
        body = {"current": CANARY + " pass phrase", "new": "another pass phrase Zq7"}
        assert (await ann.enter("/password", **body)).status == 200
        secrets |= {secret_of(ann.key or b""), repr(ann.key), (ann.key or b"").hex()}
        assert (await ann.clone(key=b"t" * 32).refresh()).status == 403
        await ann.logout()
    assert len(log.records) > 5
    for secret in secrets | {"Zq7"}:
        assert secret not in log.text
    assert EMAIL not in log.text


async def test_tokens_are_only_where_they_belong(at: GateHarness) -> None:
    ann = Browser(at.gate.asgi)
    for answer in (await ann.register(), await ann.refresh(), await ann.login()):
        outside = {name: value for name, value in answer.headers if name != "set-cookie"}
        assert ann.rt not in str(outside)
        assert ann.rt not in answer.body.decode(), "the refresh token is in its cookie alone"
        assert ann.access_token not in str(answer.headers)
        assert ann.rt not in answer.cookies[1].value


async def test_nothing_prints_its_secrets() -> None:
    async with open_gate(secrets=[SECRET, OTHER_SECRET]) as at:
        seen: list[Grant] = []

        async def spy(*arguments: Any, **named: Any) -> Grant | None:
            grant = await sign_in(*arguments, **named)
            assert grant is not None
            seen.append(grant)
            return grant

        sessions = at.gate.sessions
        sign_in = sessions.sign_in
        sessions.sign_in = spy  # type: ignore[method-assign]
        ann = Browser(at.gate.asgi)
        await ann.register()
        (grant,) = seen
        (account,) = at.memory._accounts.values()
        keys = KeyRing([parse_secret(SECRET)])
        printed = " ".join(
            f"{thing!r} {thing!s}"
            for thing in (at.gate, sessions, at.gate.accounts, at.gate.check, grant, account, keys, keys.current)
        )
        for secret in (SECRET, OTHER_SECRET, ann.rt, ann.access_token, account.password_hash, EMAIL):
            assert secret not in printed
        for raw in (parse_secret(SECRET), derive(parse_secret(SECRET), "refresh token mac"), grant.token.nonce):
            assert repr(raw)[2:-1] not in printed
            assert raw.hex() not in printed


async def test_errors_do_not_say_what_came(at: GateHarness) -> None:
    for authorization in (f"Bearer {CANARY}", f"Bearer {CANARY}.{CANARY}.{CANARY}", CANARY):
        with pytest.raises(Problem) as caught:
            at.gate.check.principal([authorization])
        error = caught.value
        assert "Zq7" not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    "text",
    ["x\r\n2026 CRITICAL forged", "x\x1b[2J", 'x", "event": "forged', "x\u2028y", "x\x00y", "x\ny@example.com"],
)
async def test_every_event_is_one_line_of_json_whatever_was_typed(
    at: GateHarness, log: pytest.LogCaptureFixture, text: str
) -> None:
    browser = Browser(at.gate.asgi)
    await browser.register(text)
    await browser.login(text, text)
    await browser.login(EMAIL, text)
    await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, ("origin", "https://evil.example")])
    await call(at.gate.asgi, "POST", f"/{text}", headers=[("user-agent", text.encode("utf-8"))])
    events = [record for record in log.records if record.name == "gatepass.events"]
    assert len(events) >= 3
    for record in events:
        assert json.loads(record.getMessage())["event"] != "forged"
        assert len(record.getMessage().splitlines()) == 1
    others = [record for record in log.records if record.name.startswith("gatepass") and record not in events]
    assert not [record for record in others if "forged" in record.getMessage()]
