"""Every endpoint of PROTOCOL §6: status, body, headers, and the problem documents of what goes wrong."""

from collections.abc import Iterable

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Algorithm
from gatepass.core.policy import DAY
from tests.support.asgi import Answer, call
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.gates import NOW, GateHarness, open_gate

CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
SESSION_ENDPOINTS = [
    ("POST", "/register"),
    ("POST", "/login"),
    ("POST", "/login/totp"),
    ("POST", "/login/recovery"),
    ("POST", "/login/ticket"),
    ("POST", "/login/enrol"),
    ("POST", "/login/enrol/confirm"),
    ("POST", "/step-up"),
    ("POST", "/refresh"),
    ("POST", "/logout"),
    ("POST", "/logout-all"),
    ("POST", "/logout-others"),
    ("GET", "/sessions"),
    ("DELETE", f"/sessions/{'0' * 32}"),
    ("POST", "/password"),
    ("GET", "/me"),
]
EVERY_ENDPOINT = [
    *SESSION_ENDPOINTS,
    ("POST", "/links"),
    ("GET", "/identities"),
    ("DELETE", f"/identities/{'0' * 32}"),
    ("GET", "/factors"),
    ("POST", "/totp"),
    ("POST", "/totp/confirm"),
    ("DELETE", "/totp"),
    ("POST", "/recovery-codes"),
    ("DELETE", "/factor-recovery"),
    ("POST", "/factor-recovery/cancel"),
    ("POST", "/login/factor-recovery"),
    ("POST", "/login/factor-recovery/complete"),
    ("POST", "/login/totp"),
    ("POST", "/login/recovery"),
    ("POST", "/login/ticket"),
    ("POST", "/login/enrol"),
    ("POST", "/login/enrol/confirm"),
    ("POST", "/step-up"),
    ("POST", "/verify"),
    ("POST", "/verify/resend"),
    ("POST", "/password/forgot"),
    ("POST", "/password/reset"),
    ("POST", "/email"),
    ("POST", "/email/confirm"),
    ("POST", "/account/delete"),
    ("DELETE", "/account"),
    ("GET", "/jwks.json"),
    ("GET", "/openapi.json"),
    ("GET", "/gatepass.js"),
    ("POST", "/oidc/acme/start"),
    ("GET", "/oidc/acme/start"),
    ("POST", "/oidc/acme/callback"),
    ("GET", "/oidc/acme/callback"),
    ("POST", "/oidc/acme/back-channel-logout"),
]
BEARER_ENDPOINTS = [
    ("POST", "/step-up"),
    ("POST", "/logout-all"),
    ("POST", "/logout-others"),
    ("POST", "/links"),
    ("GET", "/sessions"),
    ("DELETE", f"/sessions/{'0' * 32}"),
    ("GET", "/identities"),
    ("DELETE", f"/identities/{'0' * 32}"),
    ("GET", "/factors"),
    ("POST", "/totp"),
    ("POST", "/totp/confirm"),
    ("DELETE", "/totp"),
    ("POST", "/recovery-codes"),
    ("DELETE", "/factor-recovery"),
    ("POST", "/step-up"),
    ("POST", "/password"),
    ("POST", "/email"),
    ("POST", "/email/confirm"),
    ("POST", "/account/delete"),
    ("DELETE", "/account"),
    ("GET", "/me"),
]


async def ask(
    at: GateHarness, method: str, path: str, *, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> Answer:
    types = [JSON] if body else []
    return await call(at.gate.asgi, method, path, headers=[CLIENT, *types, *headers], body=body)


class TestBearerEndpoints:
    async def test_without_a_token_the_challenge_bears_no_error(self, at: GateHarness, ann: Browser) -> None:
        """Cookies alone open nothing here (RFC 6750 §3.1)."""
        for method, path in BEARER_ENDPOINTS:
            answer = await ann.send(method, path)
            assert (answer.status, answer.code) == (401, "token-required"), path
            assert answer.one("www-authenticate") == "Bearer"
            assert at.store.verbs == []

    async def test_a_token_that_does_not_hold_is_challenged_as_invalid(self, at: GateHarness) -> None:
        for method, path in BEARER_ENDPOINTS:
            answer = await ask(at, method, path, headers=[("authorization", "Bearer x.y.z")])
            assert (answer.status, answer.code) == (401, "invalid-token"), path
            assert answer.one("www-authenticate") == 'Bearer error="invalid_token"'
            assert at.store.verbs == []

    async def test_me_is_the_account_and_nothing_else(self, at: GateHarness, ann: Browser) -> None:
        answer = await ann.get("/me")
        assert answer.status == 200
        assert set(answer.json()) == {"id", "email", "email_verified", "created_at", "password", "identities"}

    async def test_me_of_an_account_that_is_gone_or_disabled_is_a_401(self, at: GateHarness, ann: Browser) -> None:
        account_id = (await ann.get("/me")).json()["id"]
        await at.memory.disable_account(account_id, now=NOW)
        assert (await ann.get("/me")).code == "invalid-token"
        del at.memory._accounts[account_id]
        assert (await ann.get("/me")).code == "invalid-token"


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
async def test_every_answer_bears_the_security_headers(at: GateHarness, ann: Browser, method: str, path: str) -> None:
    for headers in ([], [CLIENT], [CLIENT, ann.bearer]):
        answer = await ann.send(method, path, headers=headers)
        for name, value in SECURITY_HEADERS.items():
            assert answer.one(name) == value
        assert answer.get("server") is None


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT[:24])
async def test_what_bears_tokens_cookies_or_account_data_is_never_stored(
    at: GateHarness, ann: Browser, method: str, path: str
) -> None:
    body = {"email": "bob@example.com", "password": PASSWORD}
    for headers in ([], [CLIENT], [CLIENT, ann.bearer]):
        answer = await ann.send(method, path, headers=headers, body=body if path in ("/register", "/login") else None)
        assert answer.one("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/register", "POST"),
        ("/logout-all", "POST"),
        ("/logout-others", "POST"),
        ("/sessions", "GET, HEAD"),
        (f"/sessions/{'0' * 32}", "DELETE"),
        ("/password", "POST"),
        ("/me", "GET, HEAD"),
        ("/jwks.json", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/gatepass.js", "GET, HEAD"),
    ],
)
async def test_another_method_is_a_405_that_names_the_right_one(at: GateHarness, path: str, allow: str) -> None:
    for method in ("PUT", "PATCH", "CONNECT", "get"):
        answer = await ask(at, method, path)
        assert (answer.status, answer.code, answer.one("allow")) == (405, "method-not-allowed", allow)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/nothing",
        "/login/",
        "//login",
        "/LOGIN",
        "/login/x",
        "/../login",
        "/sessions/x/y",
        "/me\x00",
        "/\ud800",
        "/日本",
        "/" + "a" * 10_000,
        "/.well-known/jwks.json",
        "/healthz",
    ],
)
async def test_any_other_path_is_a_404(at: GateHarness, path: str) -> None:
    answer = await ask(at, "GET", path)
    assert (answer.status, answer.code) == (404, "not-found")


async def test_jwks_has_public_members_only_and_may_be_cached(at: GateHarness) -> None:
    answer = await ask(at, "GET", "/jwks.json")
    (key,) = answer.json()["keys"]
    assert answer.one("content-type") == "application/jwk-set+json"
    assert answer.one("cache-control") == "public, max-age=300"
    assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (key["kty"], key["alg"], key["use"]) == ("OKP", "EdDSA", "sig")


@pytest.mark.parametrize(("algorithm", "count"), [("EdDSA", 1), ("ES256", 1), ("HS256", 0)])
async def test_a_shared_secret_is_never_published(algorithm: Algorithm, count: int) -> None:
    async with open_gate(tokens=Tokens(algorithm=algorithm)) as at:
        answer = await ask(at, "GET", "/jwks.json")
        assert len(answer.json()["keys"]) == count
        assert not {"d", "k"} & {name for key in answer.json()["keys"] for name in key}
        browser = Browser(at.gate.asgi)
        await browser.register()
        assert (await browser.get("/me")).status == 200


@pytest.mark.parametrize("suffix", ["", "/", "?x=1"])
async def test_query_strings_change_nothing(at: GateHarness, ann: Browser, suffix: str) -> None:
    headers = [ann.bearer]
    answer = await call(at.gate.asgi, "GET", "/me", headers=headers, query=suffix.encode())
    assert answer.status == 200


@pytest.mark.parametrize("root", ["/auth", "/api/v1/auth", "/auth/"])
async def test_the_endpoints_are_relative_to_the_mount_whether_or_not_it_was_stripped(
    at: GateHarness, ann: Browser, root: str
) -> None:
    whole = root.rstrip("/") + "/me"
    for path in (whole, "/me"):
        answer = await call(at.gate.asgi, "GET", path, headers=[ann.bearer], root_path=root)
        assert answer.status == 200


async def test_a_session_that_was_signed_in_with_is_replaced(at: GateHarness, ann: Browser) -> None:
    old = ann.clone(key=ann.key)
    assert (await ann.login()).status == 200
    answer = await old.refresh()
    assert answer.json()["reason"] == "replaced"
    assert (await old.get("/me")).status == 401
    assert (await ann.get("/me")).status == 200


async def test_a_sign_in_that_fails_leaves_the_session_it_came_with_alone(at: GateHarness, ann: Browser) -> None:
    answer = await ann.login(password="wrong wrong wrong")
    assert (answer.status, answer.cookies) == (401, [])
    assert (await ann.refresh()).status == 200


async def test_a_chosen_session_is_never_adopted(at: GateHarness) -> None:
    """No session id comes from the client (fixation)."""
    browser = Browser(at.gate.asgi)
    browser.jar = {browser.rt_name: "gp_rt_" + "A" * 194, browser.state_name: f"{'0' * 32}.5.1"}
    answer = await browser.register()
    assert browser.sid != "0" * 32
    assert answer.json()["refresh_generation"] == 0
    assert browser.jar[browser.state_name] == f"{browser.sid}.0.{browser.challenge}.{NOW + 7 * DAY}"


async def test_openapi_declares_exactly_the_endpoints_that_exist(at: GateHarness) -> None:
    paths = (await ask(at, "GET", "/openapi.json")).json()["paths"]
    declared = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}
    named = {path: path.replace("0" * 32, "{id}" if "identities" in path else "{sid}") for _, path in EVERY_ENDPOINT}
    named = {path: shown.replace("/acme/", "/{name}/") for path, shown in named.items()}
    assert declared == {(method, named[path]) for method, path in EVERY_ENDPOINT}


async def test_origin_is_not_needed_by_bearer_endpoints(at: GateHarness, ann: Browser) -> None:
    """A browser never sends a token by itself."""
    answer = await call(at.gate.asgi, "GET", "/me", headers=[ann.bearer, ("origin", "https://evil.example")])
    assert answer.status == 200
    assert ORIGIN not in str(answer.headers)
