"""HEAD is answered where GET is; a path has one spelling; credentials over plain http are refused, also by a proxy."""

import asyncio
import json

import pytest

from gatepass.core.keyring import Secrets
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate
from tests.support.wsgi import over_asgi

SERVED = ["/healthz", "/readyz", "/.well-known/jwks.json", "/auth/jwks.json", "/auth/openapi.json", "/auth/gatepass.js"]


@pytest.mark.parametrize("path", SERVED)
async def test_head_has_the_head_of_get_and_no_body(at: GateHarness, path: str) -> None:
    got = await call(at.gate.served, "GET", path)
    head = await call(at.gate.served, "HEAD", path)
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
    assert got.body


async def test_head_needs_what_get_needs(at: GateHarness, ann: Browser) -> None:
    assert (await call(at.gate.asgi, "HEAD", "/me")).status == 401
    assert (await call(at.gate.asgi, "HEAD", "/me", headers=[ann.bearer])).status == 200


async def test_head_of_the_feed_opens_no_stream() -> None:
    async with open_gate(secrets=Secrets([SECRET], feed=[OTHER_SECRET])) as at:
        head = await call(at.gate.asgi, "HEAD", "/revocations", headers=[("authorization", f"Bearer {OTHER_SECRET}")])
        assert (head.status, head.body) == (200, b"")


async def test_head_below_wsgi_has_no_body_either() -> None:
    gate = GateHarness().gate
    try:
        head = await call(over_asgi(gate.wsgi, gate), "HEAD", "/jwks.json")
        assert (head.status, head.body) == (200, b"")
    finally:
        await asyncio.to_thread(gate.background.stop)


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "FOO"])
async def test_where_head_is_answered_a_405_says_so(at: GateHarness, method: str) -> None:
    assert (await call(at.gate.asgi, method, "/me")).one("allow") == "GET, HEAD"


OTHER_SPELLINGS = [
    ("/auth/register/", "/auth/register%2F"),
    ("/auth/register/", "/auth/register%2f"),
    ("/auth/register", "/auth%2Fregister"),
    ("/auth/register/", "/auth%2fregister%2F"),
    ("/auth/register", "/auth/%72egister"),
    ("/auth/register", "/%61uth/register"),
    ("/auth/register", "/auth/registe%72"),
]


@pytest.mark.parametrize(("path", "raw_path"), OTHER_SPELLINGS)
async def test_another_spelling_of_a_path_is_not_served(at: GateHarness, path: str, raw_path: str) -> None:
    assert (await register(at.gate.served, path, raw_path)).code == "not-found"


@pytest.mark.parametrize(("path", "raw_path"), OTHER_SPELLINGS)
async def test_another_spelling_of_a_path_is_not_served_below_wsgi(path: str, raw_path: str) -> None:
    gate = GateHarness().gate
    try:
        app = over_asgi(gate.guard_wsgi(lambda _environ, _start: [], auth="/auth"), gate)
        assert (await register(app, path, raw_path)).code == "not-found"
        assert (await register(app, "/auth/register", "/auth/register?%2F")).status == 201
    finally:
        await asyncio.to_thread(gate.background.stop)


async def test_a_mount_whose_name_needs_escapes_is_served(at: GateHarness) -> None:
    answer = await register(at.gate.asgi, "/caf\u00e9/register", "/caf%C3%A9/register", root_path="/caf\u00e9")
    assert answer.status == 201


async def register(app: ASGIApp, path: str, raw_path: str, *, root_path: str = "") -> Answer:
    return await call(
        app,
        "POST",
        path,
        raw_path=raw_path.encode(),
        root_path=root_path,
        headers=[("gatepass-client", "1"), ("content-type", "application/json")],
        body=json.dumps({"email": EMAIL, "password": PASSWORD}).encode(),
    )


class TestPlainHttp:
    """What a trusted proxy marks as plain http was readable on its way."""

    @pytest.mark.parametrize("side", ["asgi", "wsgi"])
    @pytest.mark.parametrize(
        "marks", [("x-forwarded-proto", "http"), ("forwarded", "for=192.0.2.1;proto=http")], ids=lambda marks: marks[0]
    )
    async def test_a_sign_in_that_a_trusted_proxy_marks_so_is_refused(self, side: str, marks: tuple[str, str]) -> None:
        gate = GateHarness(browsers=Browsers(trusted_proxies=["10.0.0.0/8"])).gate
        app = gate.asgi if side == "asgi" else over_asgi(gate.wsgi, gate)
        try:
            answer = await call(
                app,
                "POST",
                "/login",
                headers=[("gatepass-client", "1"), ("content-type", "application/json"), marks],
                body=json.dumps({"email": EMAIL, "password": PASSWORD}).encode(),
                client=("10.0.0.1", 1),
            )
            assert (answer.status, answer.code) == (403, "plain-http")
        finally:
            await (gate.close() if side == "asgi" else asyncio.to_thread(gate.background.stop))

    async def test_so_is_everything_that_carries_a_token_and_nothing_that_is_public(self) -> None:
        async with open_gate(browsers=Browsers(trusted_proxies=["unix"])) as at:
            marks = [("gatepass-client", "1"), ("x-forwarded-proto", "http")]
            for method, path, status in (
                ("POST", "/refresh", 403),
                ("POST", "/logout", 403),
                ("GET", "/me", 403),
                ("GET", "/sessions", 403),
                ("GET", "/jwks.json", 200),
            ):
                answer = await call(at.gate.asgi, method, path, headers=marks, client=None)
                assert answer.status == status, path

    async def test_nobody_else_s_mark_counts_and_development_is_plain_http(self) -> None:
        body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        headers = [("gatepass-client", "1"), ("content-type", "application/json"), ("x-forwarded-proto", "http")]
        async with open_gate() as at:
            assert (await call(at.gate.asgi, "POST", "/register", headers=headers, body=body)).status == 201
        browsers = Browsers(trusted_proxies=["127.0.0.1"])
        async with open_gate(public_url="http://localhost:8000", browsers=browsers) as at:
            client = ("127.0.0.1", 1)
            answer = await call(at.gate.asgi, "POST", "/register", headers=headers, body=body, client=client)
            assert answer.status == 201


@pytest.mark.parametrize(("method", "path"), [("POST", "/account/delete"), ("DELETE", "/account")])
async def test_an_account_is_deleted_by_either_method(at: GateHarness, ann: Browser, method: str, path: str) -> None:
    bodiless = await ann.send(method, path, headers=[ann.bearer])
    assert (bodiless.status, bodiless.code) == (400, "malformed-json")
    assert "no body" in bodiless.json()["detail"]
    assert "password" in bodiless.json()["detail"]
    assert (await ann.send(method, path, headers=[ann.bearer], body={"password": PASSWORD})).status == 204
    assert (await ann.login()).status == 401


@pytest.mark.parametrize(
    "origin",
    [
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "http://tauri.localhost",
        "app://bundle",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://1f0c4ab2-0000-4000-8000-000000000000",
    ],
)
async def test_the_origin_of_an_application_shell_can_be_allowed(origin: str) -> None:
    headers = [("origin", origin), ("sec-fetch-site", "cross-site"), ("gatepass-client", "1")]
    async with open_gate(browsers=Browsers(origins=[origin], same_site="none")) as at:
        answer = await call(at.gate.asgi, "POST", "/logout", headers=headers)
        assert (answer.status, answer.one("access-control-allow-origin")) == (204, origin)
        other = [("origin", origin + "x"), *headers[1:]]
        assert (await call(at.gate.asgi, "POST", "/logout", headers=other)).code == "cross-site"
