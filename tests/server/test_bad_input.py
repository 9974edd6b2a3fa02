"""Whatever comes in, a problem document goes out: never a 500, nothing lost (issue: bad input of every kind)."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepass.core.account import Account
from gatepass.wire.problems import MEDIA_TYPE
from tests.server.test_endpoints import SESSION_ENDPOINTS as ENDPOINTS
from tests.support.asgi import Answer, ClientWentAway, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, STATE, Browser
from tests.support.gates import GateHarness

CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")


class TestDisconnect:
    @pytest.mark.parametrize("path", ["/register", "/login", "/refresh", "/logout", "/password"])
    async def test_a_client_that_goes_away_in_mid_body_gets_no_answer_and_causes_nothing(
        self, at: GateHarness, ann: Browser, path: str
    ) -> None:
        before = dict(at.memory.rows())
        headers = [CLIENT, JSON, ann.bearer, ("cookie", f"{RT}={ann.rt}"), ("content-length", "500")]
        with pytest.raises(ClientWentAway):
            await call(at.gate.asgi, "POST", path, headers=headers, chunks=[b'{"email":'], disconnect=True)
        assert at.memory.rows() == before
        assert at.store.verbs == []

    async def test_a_slow_body_holds_nobody_else_up(self, at: GateHarness, ann: Browser) -> None:
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await never.wait()
            raise AssertionError

        async def send(message: object) -> None:
            raise AssertionError

        headers = [(b"gatepass-client", b"1"), (b"content-type", b"application/json"), (b"content-length", b"9")]
        scope = {"type": "http", "method": "POST", "path": "/login", "headers": headers}
        slow = asyncio.ensure_future(at.gate.asgi(scope, receive, send))
        await asyncio.sleep(0)
        assert (await ann.refresh()).status == 200
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
async def test_a_body_in_any_number_of_chunks_is_one_body(at: GateHarness, ann: Browser, chunk: int) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    chunks = [body[start : start + chunk] for start in range(0, len(body), chunk)]
    answer = await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, JSON], chunks=[*chunks, b""])
    assert answer.status == 200


async def test_a_body_without_end_is_cut_off_at_the_limit(at: GateHarness) -> None:
    answer = await call(at.gate.asgi, "POST", "/login", headers=[CLIENT, JSON], chunks=[b" " * 1024] * 1000)
    assert (answer.status, answer.code) == (413, "body-too-large")


@pytest.mark.parametrize(
    "cookie",
    [
        "x" * 100_000,
        f"{RT}=" + "A" * 100_000,
        "; ".join([f"{RT}=x"] * 5_000),
        f"{RT}",
        "=",
        ";;;;",
        "\x00",
        "\xff\xfe\xfd",
        f"{RT}==; ={RT}",
    ],
)
async def test_no_cookie_header_is_too_odd(at: GateHarness, ann: Browser, cookie: str) -> None:
    for method, path in ENDPOINTS:
        answer = await call(at.gate.asgi, method, path, headers=[CLIENT, ("cookie", cookie)])
        assert answer.status in (204, 400, 401), path
        assert (await ann.refresh()).status == 200, path


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\u2028", "é" * 20, "😀" * 20, "\u202e" * 20, "\ufffe" * 20])
async def test_any_text_may_be_an_address_or_a_password(at: GateHarness, text: str) -> None:
    browser = Browser(at.gate.asgi)
    assert (await browser.login(text, text)).status == 401
    assert (await browser.register(text, PASSWORD)).status == 422
    assert (await browser.register(f"{len(text)}@example.com", text)).status in (201, 422)


@pytest.mark.parametrize("text", ["\x00", "a\x00b@example.com", "not an address", "a" * 300])
async def test_what_is_no_address_reaches_no_store_and_is_throttled(
    at: GateHarness, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    find = at.memory.find_account_by_email

    async def noting(email_key: str) -> Account | None:
        keys.append(email_key)
        return await find(email_key)

    monkeypatch.setattr(at.memory, "find_account_by_email", noting)
    statuses = [(await Browser(at.gate.asgi).login(text)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert len(set(keys)) == 1
    assert keys[0].isascii()
    assert keys[0].isprintable()
    assert text not in keys[0]


@pytest.mark.parametrize("sid", ["x", "0" * 31, "0" * 33, "A" * 32, "é" * 32, "../me", "%00", "٠" * 32, " " * 32])
async def test_a_session_id_of_any_other_form_is_a_404(at: GateHarness, ann: Browser, sid: str) -> None:
    answer = await ann.send("DELETE", f"/sessions/{sid}", headers=[ann.bearer])
    assert (answer.status, answer.code) == (404, "not-found")


@dataclass
class World:
    """One gate for all random requests; Ann signs in again whenever one of them has logged her out."""

    runner: asyncio.Runner
    at: GateHarness
    ann: Browser


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    at = GateHarness()
    with asyncio.Runner() as runner:
        runner.run(at.gate.open())
        ann = Browser(at.gate.asgi)
        runner.run(ann.register())
        yield World(runner, at, ann)
        runner.run(at.gate.close())


HEADER_NAMES = st.sampled_from(
    [
        "authorization",
        "cookie",
        "content-type",
        "content-length",
        "gatepass-client",
        "gatepass-session",
        "gatepass-proof",
        "origin",
        "sec-fetch-site",
        "transfer-encoding",
        "user-agent",
        "x-forwarded-for",
        "access-control-request-method",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            b"",
            b"1",
            b"application/json",
            b"same-origin",
            ORIGIN.encode(),
            b"null",
            b"chunked",
            b"Bearer ",
            b"Bearer x.y.z",
            b"0." + b"a" * 22,
            f"{RT}=gp_rt_{'A' * 128}".encode(),
            f"{STATE}=x".encode(),
            b"99999999999999999999999999",
            b"::1, 10.0.0.1",
        ]
    ),
    st.binary(max_size=60),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["email", "password", "remember", "current", "new", "x"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
METHODS = st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "\x00", "post"])
PATHS = st.one_of(st.sampled_from([path for _, path in ENDPOINTS]), st.text(max_size=30).map(lambda text: "/" + text))


def _assert_orderly(answer: Answer, *, is_head: bool) -> None:
    assert answer.status < 500, answer
    assert answer.one("x-content-type-options") == "nosniff"
    if answer.status >= 400:
        assert answer.one("content-type") == MEDIA_TYPE
        assert answer.body == b"" if is_head else answer.json()["status"] == answer.status


@pytest.mark.slow
@given(
    method=METHODS,
    path=PATHS,
    headers=st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=8),
    body=BODIES,
    is_signed_in=st.booleans(),
)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_requests_get_orderly_answers_and_harm_no_session(
    world: World,
    method: str,
    path: str,
    headers: list[tuple[str, bytes]],
    body: bytes,
    is_signed_in: bool,
) -> None:
    at, ann = world.at, world.ann
    own: list[tuple[str, str | bytes]] = []
    if is_signed_in:
        own = [CLIENT, JSON, ("cookie", f"a=b; {RT}={ann.rt}")]
    at.events.clear()
    answer = world.runner.run(call(at.gate.asgi, method, path, headers=[*own, *headers], body=body))
    _assert_orderly(answer, is_head=method == "HEAD")
    assert not at.named("authn_token_reuse")
    assert not at.named("session_revoked") or path in ("/logout", "/login", "/register")
    ann.absorb(answer)
    if RT not in ann.jar:
        world.runner.run(ann.login())
