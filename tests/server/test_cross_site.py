"""Which requests may carry cookies: CSRF, CORS, preflights, content types, methods (PROTOCOL §6)."""

import json
from collections.abc import AsyncIterator, Iterable

import pytest

from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, Browser
from tests.support.gates import GateHarness, open_gate

FRIEND, STRANGER = "https://app.example", "https://evil.example"
COOKIE_ENDPOINTS = ("/register", "/login", "/refresh", "/logout")
CLIENT = ("gatepass-client", "1")
PREFLIGHT = (
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "content-type,gatepass-client,gatepass-session,gatepass-proof"),
)


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate that one foreign origin may use."""
    async with open_gate(browsers=Browsers(origins=[FRIEND])) as made:
        yield made


async def post(
    at: GateHarness, path: str, headers: Iterable[tuple[str, str]], *, method: str = "POST", rt: str | None = None
) -> Answer:
    body = b"" if path in ("/refresh", "/logout") else json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    sent = [*headers, *([("content-type", "application/json")] if body else [])]
    if rt is not None:
        sent.append(("cookie", f"{RT}={rt}"))
    return await call(at.gate.asgi, method, path, headers=sent, body=body)


ALLOWED: list[tuple[str | None, str | None]] = [
    ("same-origin", None),
    ("same-origin", ORIGIN),
    ("same-origin", STRANGER),
    ("same-origin", "null"),
    ("same-site", FRIEND),
    ("cross-site", FRIEND),
    ("none", ORIGIN),
    ("cross-site", ORIGIN),
    (None, ORIGIN),
    (None, FRIEND),
    (None, None),
]
REFUSED: list[tuple[str | None, str | None]] = [
    ("same-site", None),
    ("cross-site", None),
    ("none", None),
    ("", None),
    ("SAME-ORIGIN", None),
    ("same-origin, same-origin", None),
    ("same-site", STRANGER),
    ("cross-site", STRANGER),
    ("cross-site", "null"),
    ("none", "null"),
    (None, STRANGER),
    (None, "null"),
    (None, ""),
    (None, ORIGIN + "/"),
    (None, ORIGIN.upper()),
    (None, ORIGIN + ":443"),
    (None, ORIGIN.replace("https", "http")),
    (None, "https://gate.example.evil.example"),
    (None, "https://xgate.example"),
    (None, f"{ORIGIN} {STRANGER}"),
    (None, FRIEND + ".evil.example"),
    (None, "https://sub.app.example"),
    (None, "*"),
]


def _headers(site: str | None, origin: str | None) -> list[tuple[str, str]]:
    found = [("sec-fetch-site", site), ("origin", origin)]
    return [(name, value) for name, value in found if value is not None]


@pytest.mark.parametrize("path", COOKIE_ENDPOINTS)
@pytest.mark.parametrize(("site", "origin"), ALLOWED)
async def test_the_gates_own_and_listed_origins_and_native_clients_pass(
    at: GateHarness, path: str, site: str | None, origin: str | None
) -> None:
    assert (await post(at, path, [*_headers(site, origin), CLIENT])).status != 403


@pytest.mark.parametrize(("site", "origin"), REFUSED)
async def test_everything_else_is_refused_before_anything_is_read(
    at: GateHarness, site: str | None, origin: str | None
) -> None:
    for count, path in enumerate(COOKIE_ENDPOINTS, 1):
        answer = await post(at, path, [*_headers(site, origin), CLIENT])
        assert (answer.status, answer.code) == (403, "cross-site"), path
        assert answer.cookies == []
        assert at.store.verbs == []
        assert at.hasher.calls == 0
        assert len(at.named("malicious_csrf")) == count


@pytest.mark.parametrize("path", COOKIE_ENDPOINTS)
async def test_without_a_header_that_needs_a_preflight_nobody_passes(at: GateHarness, path: str) -> None:
    for site, origin in ALLOWED:
        answer = await post(at, path, [*_headers(site, origin), ("x-requested-with", "XMLHttpRequest")])
        assert (answer.status, answer.code) == (403, "cross-site"), (site, origin)
        assert at.store.verbs == []


@pytest.mark.parametrize("name", ["gatepass-client", "gatepass-proof"])
async def test_either_client_header_will_do_for_login(at: GateHarness, name: str) -> None:
    assert (await post(at, "/login", [(name, "1")])).status == 401


@pytest.mark.parametrize("repeated", ["origin", "sec-fetch-site"])
async def test_a_header_that_stands_twice_decides_nothing_in_the_callers_favour(at: GateHarness, repeated: str) -> None:
    value = ORIGIN if repeated == "origin" else "same-origin"
    answer = await post(at, "/login", [(repeated, value), (repeated, value), CLIENT])
    assert answer.code == "cross-site"


async def test_a_cross_site_refresh_with_a_good_cookie_changes_nothing(at: GateHarness) -> None:
    ann = Browser(at.gate.asgi)
    await ann.register()
    before = dict(at.memory.rows())
    answer = await post(at, "/refresh", [("origin", STRANGER), CLIENT], rt=ann.rt)
    assert answer.code == "cross-site"
    assert at.memory.rows() == before
    assert (await ann.refresh()).status == 200


@pytest.mark.parametrize("path", COOKIE_ENDPOINTS)
async def test_cookie_endpoints_answer_post_alone(at: GateHarness, path: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "post"):
        answer = await post(at, path, [("origin", ORIGIN), CLIENT], method=method)
        assert (answer.status, answer.one("allow")) == (405, "POST"), method
        assert answer.code == "method-not-allowed"
        assert at.store.verbs == []


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "text/plain",
        "text/plain;charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/jsonp",
        "application/json-patch+json",
        "application/problem+json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; charset=utf8; charset=latin-1",
        "application/json text/plain",
    ],
)
async def test_a_body_of_any_other_type_than_json_is_a_415(at: GateHarness, media_type: str | None) -> None:
    types = [] if media_type is None else [("content-type", media_type)]
    headers = [("origin", ORIGIN), CLIENT, *types]
    for path in COOKIE_ENDPOINTS:
        answer = await call(at.gate.asgi, "POST", path, headers=headers, body=b"{}")
        assert (answer.status, answer.code) == (415, "unsupported-media-type"), path
        assert at.store.verbs == []


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json; charset=utf8",
        "application/json;",
        "application/json ; charset=UTF-8 ;",
        "application/json; version=1",
        "application/json; ext=bulk; charset=utf-8",
    ],
)
async def test_json_in_every_usual_spelling_is_read(at: GateHarness, media_type: str) -> None:
    headers = [("origin", ORIGIN), CLIENT, ("content-type", media_type)]
    assert (await call(at.gate.asgi, "POST", "/login", headers=headers, body=b"{}")).status == 422


class TestCors:
    @pytest.mark.parametrize("path", ["/login", "/refresh", "/me", "/sessions", "/jwks.json", "/nothing"])
    async def test_a_listed_origin_is_echoed_exactly_on_every_answer(self, at: GateHarness, path: str) -> None:
        answer = await call(at.gate.asgi, "POST", path, headers=[("origin", FRIEND), CLIENT])
        assert answer.one("access-control-allow-origin") == FRIEND
        assert answer.one("access-control-allow-credentials") == "true"
        assert answer.one("access-control-expose-headers") == "Retry-After, WWW-Authenticate"
        assert answer.one("vary") == "Origin"

    @pytest.mark.parametrize("origin", [STRANGER, "null", ORIGIN, None, FRIEND.upper(), FRIEND + "/"])
    async def test_no_other_origin_is_granted_anything_but_caches_are_told(
        self, at: GateHarness, origin: str | None
    ) -> None:
        answer = await call(at.gate.asgi, "GET", "/me", headers=_headers(None, origin))
        assert not [name for name, _ in answer.headers if name.startswith("access-control-")]
        assert answer.one("vary") == "Origin"

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("/login", {"POST"}),
            ("/refresh", {"POST"}),
            ("/sessions", {"GET"}),
            (f"/sessions/{'0' * 32}", {"DELETE"}),
            ("/me", {"GET"}),
        ],
    )
    async def test_a_preflight_from_a_listed_origin_is_granted_once_each(
        self, at: GateHarness, path: str, methods: set[str]
    ) -> None:
        answer = await call(at.gate.asgi, "OPTIONS", path, headers=[("origin", FRIEND), *PREFLIGHT])
        assert (answer.status, answer.body) == (204, b"")
        assert answer.one("access-control-allow-origin") == FRIEND
        assert answer.one("access-control-allow-credentials") == "true"
        assert set(answer.one("access-control-allow-methods").split(", ")) == methods
        granted = {name.strip() for name in answer.one("access-control-allow-headers").split(",")}
        assert granted >= {"authorization", "content-type", "gatepass-client", "gatepass-session"}
        assert "gatepass-proof" in granted
        assert "*" not in granted
        assert "origin" in answer.one("vary").lower()
        assert at.store.verbs == []

    @pytest.mark.parametrize("origin", [STRANGER, "null", ORIGIN])
    async def test_a_preflight_from_anywhere_else_is_refused(self, at: GateHarness, origin: str) -> None:
        answer = await call(at.gate.asgi, "OPTIONS", "/login", headers=[("origin", origin), *PREFLIGHT])
        assert answer.status == 405
        assert answer.get("access-control-allow-origin") is None

    async def test_without_a_list_there_is_no_cors_at_all(self) -> None:
        async with open_gate() as closed:
            answer = await call(closed.gate.asgi, "POST", "/login", headers=[("origin", FRIEND), CLIENT])
            assert answer.status == 403
            assert not [n for n, _ in answer.headers if n == "vary" or n.startswith("access-control-")]

    async def test_a_page_on_the_listed_origin_can_sign_in_and_refresh(self, at: GateHarness) -> None:
        page = Browser(at.gate.asgi, origin=FRIEND)
        sent = [("sec-fetch-site", "cross-site"), ("origin", FRIEND), CLIENT]
        answer = await post(at, "/register", sent)
        page.absorb(answer)
        assert answer.status == 201
        assert (await post(at, "/refresh", sent, rt=page.rt)).status == 200


async def test_both_names_of_a_loopback_host_are_the_gates_own() -> None:
    async with open_gate(public_url="http://localhost:8000") as at:
        for origin in ("http://localhost:8000", "http://127.0.0.1:8000"):
            assert (await post(at, "/login", [("origin", origin), CLIENT])).status == 401
        for origin in ("http://localhost:8001", "https://localhost:8000", "http://[::1]:8000"):
            assert (await post(at, "/login", [("origin", origin), CLIENT])).status == 403
