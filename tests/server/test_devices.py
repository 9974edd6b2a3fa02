"""Device-bound sessions over raw HTTP, with a device in Python: the rows DB-01 to DB-10 of the requirements."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from gatepass.core.device_challenge import CHALLENGE_TTL, COOKIE_TTL
from gatepass.core.device_key import DeviceAlgorithm
from gatepass.core.policy import DAY
from gatepass.core.rate import Rate
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.server.limits import Limits
from gatepass.testing.virtual_device import DeviceRequest, Dialect, SoftwareKey, VirtualDevice
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer, call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, STATE, Browser, secret_of
from tests.support.device import DEVICE, DeviceBrowser
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate

ALLOW = Browsers(device_bound="allow")
REGISTRATION = re.compile(r'\(ES256 RS256\);path="device/start";challenge="([A-Za-z0-9_-]{56})"')


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[GateHarness]:
    async with open_gate(browsers=ALLOW) as made:
        yield made


@pytest.fixture
def browser(harness: GateHarness) -> DeviceBrowser:
    return DeviceBrowser(harness.gate.asgi)


async def bound(browser: DeviceBrowser) -> None:
    """Sign in and register, let the first cookie of the device expire, and refresh: from now on it is asked for."""
    assert (await browser.register()).status == 201
    assert browser.device.sessions
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200


async def state_of(browser: Browser) -> Any:
    sessions = (await browser.get("/sessions")).json()["sessions"]
    return next(one["bound"] for one in sessions if one["current"])


# DB-01


async def test_a_sign_in_over_https_asks_for_a_key_under_a_new_challenge_each_time(harness: GateHarness) -> None:
    browser = Browser(harness.gate.asgi)
    answers = [await browser.register(), *[await browser.login() for _ in range(3)]]
    offers = [REGISTRATION.fullmatch(answer.one("secure-session-registration")) for answer in answers]
    assert len({offer[1] for offer in offers if offer}) == 4
    assert all(
        answer.one("sec-session-registration") == answer.one("secure-session-registration") for answer in answers
    )


async def test_a_password_change_asks_for_a_key_for_the_session_that_it_begins(browser: DeviceBrowser) -> None:
    await bound(browser)
    body = {"current": PASSWORD, "new": "another eleven green bottles"}
    await browser.send("POST", "/password", body=body, headers=[browser.bearer])
    assert list(browser.device.sessions)[-1] == browser.sid
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200
    assert await state_of(browser) == "device"


async def test_a_session_that_the_application_began_is_offered_a_device_at_its_first_refresh(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    """A redirect, or a route whose mount is not that of the endpoints, can ask for none."""
    await Browser(harness.gate.asgi).register()
    (account,) = harness.memory._accounts
    headers = [(b"user-agent", b"Firefox/140.0 Linux")]
    scope = {"type": "http", "method": "GET", "path": "/link", "headers": headers, "client": ("203.0.113.7", 1)}
    signed_in = await harness.gate.sign_in(scope, account, methods=("otp",))
    for name, value in signed_in.headers:
        if name == "set-cookie":
            cookie, _, text = value.partition(";")[0].partition("=")
            browser.jar[cookie] = text
    first = await browser.refresh(binds=True)
    assert first.get("secure-session-registration") is not None
    assert browser.device.sessions
    assert (await browser.refresh()).get("secure-session-registration") is None


async def test_nothing_is_offered_where_it_is_off_or_the_browser_would_not_register() -> None:
    """Off by default; over http; to pages of other origins; to programs that are no browsers."""
    async with open_gate() as off:
        browser = Browser(off.gate.asgi)
        assert (await browser.register()).get("secure-session-registration") is None
        assert (await browser.send("POST", "/device/start")).status == 404
    local = "http://localhost:8000"
    async with open_gate(browsers=ALLOW, public_url=local) as plain:
        browser = Browser(plain.gate.asgi, origin=local, names=("gatepass_8000", "gatepass_state_8000"))
        assert (await browser.register()).get("secure-session-registration") is None
        assert (await browser.refresh()).status == 200
    app = "https://app.example.com"
    async with open_gate(browsers=Browsers(origins=[app], device_bound="allow")) as shared:
        for fetch in ([("sec-fetch-site", "same-site"), ("origin", app)], []):
            headers = [("gatepass-client", "1"), ("content-type", "application/json"), *fetch]
            raw = b'{"email":"ann@example.com","password":"seven green bottles on a wall"}'
            answer = await call(shared.gate.asgi, "POST", "/login", headers=headers, body=raw)
            assert answer.get("secure-session-registration") is None


def test_pages_of_other_sites_and_devices_do_not_go_together() -> None:
    with pytest.raises(ConfigurationError, match="partitioned"):
        Browsers(device_bound="allow", same_site="none")


# DB-02


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize("dialect", ["secure-session", "sec-session"])
@pytest.mark.parametrize("quoted", [False, True])
async def test_a_browser_of_either_dialect_registers_and_refreshes(
    harness: GateHarness, algorithm: DeviceAlgorithm, dialect: Dialect, quoted: bool
) -> None:
    device = VirtualDevice(algorithm=algorithm, dialect=dialect, quoted=quoted)
    browser = DeviceBrowser(harness.gate.asgi, device=device)
    await bound(browser)
    assert await state_of(browser) == "device"
    assert [answer.status for answer in browser.device_answers] == [200, 403, 200]


async def test_the_answer_to_a_registration_binds_the_one_path_to_the_cookie_that_it_sets(
    browser: DeviceBrowser,
) -> None:
    await browser.register()
    [answer] = browser.device_answers
    document, cookie = answer.json(), answer.cookie(DEVICE)
    assert document["session_identifier"] == browser.sid
    assert document["scope"]["origin"] == ORIGIN
    assert document["scope"]["scope_specification"] == [
        {"type": "exclude", "domain": "*", "path": "/"},
        {"type": "include", "domain": "*", "path": "/refresh"},
    ]
    [credential] = document["credentials"]
    marks = {mark.partition("=")[0]: mark.partition("=")[2] for mark in credential["attributes"].split("; ")}
    assert {**marks, "Max-Age": str(COOKIE_TTL)} == dict(cookie.marks), "else browsers drop the session without a word"
    assert credential["name"] == cookie.name
    assert "Partitioned" not in marks


async def test_under_a_mount_and_a_cookie_path_the_paths_are_those_that_browsers_see(harness: GateHarness) -> None:
    async with open_gate(browsers=Browsers(device_bound="allow", cookie_path="/auth")) as under:
        names = ("__Secure-gatepass_auth", "__Host-gatepass_state_auth")
        browser = DeviceBrowser(under.gate.served, mount="/auth", names=names)
        await browser.register()
        rules = browser.device_answers[0].json()["scope"]["scope_specification"]
        assert rules[1]["path"] == "/auth/refresh"
        browser.jar.pop("__Secure-gatepass-device_auth")
        assert (await browser.refresh()).status == 200
        assert browser.jar["__Secure-gatepass-device_auth"]


def registration_of(key: SoftwareKey, challenge: str, **changes: Any) -> str:
    return key.sign({"alg": key.algorithm, "typ": "dbsc+jwt", "jwk": key.jwk()} | changes, {"jti": challenge})


def device_request(path: str, *headers: tuple[str, str]) -> DeviceRequest:
    fetch = (("origin", ORIGIN), ("sec-fetch-site", "same-origin"))
    return DeviceRequest(ORIGIN + path, (*fetch, *headers))


async def test_a_registration_that_is_not_what_was_asked_for_stores_nothing(harness: GateHarness) -> None:
    """Wrong type, algorithm, signature, key, challenge; the challenge of another sign-in; none at all (DB-02)."""
    browser = DeviceBrowser(harness.gate.asgi)
    other = Browser(harness.gate.asgi)
    theirs = challenge_in(await other.register("bob@example.com"))
    ours = challenge_in(await Browser.send(browser, "POST", "/register", **registering()))
    key, stranger = SoftwareKey(), SoftwareKey()
    wrong = [
        registration_of(key, theirs),
        registration_of(key, ours[:-1] + ("A" if ours[-1] != "A" else "B")),
        registration_of(key, ""),
        registration_of(key, ours, typ="jwt"),
        registration_of(key, ours, alg="none"),
        registration_of(key, ours, jwk=stranger.jwk()),
        registration_of(key, ours) + "AA",
        key.sign({"alg": "ES256", "typ": "dbsc+jwt", "jwk": key.jwk()}, {"jti": ours, "sub": "0" * 32}),
        key.sign({"alg": "ES256", "typ": "dbsc+jwt", "jwk": key.jwk()}, {"jti": ours, "aud": "https://evil.example/"}),
        "",
    ]
    for text in wrong:
        answer = await browser.post(device_request("/device/start", ("secure-session-response", text)))
        assert (answer.status, answer.code) == (400, "invalid-device-proof")
    assert (await browser.post(device_request("/device/start"))).status == 400
    assert all(row.device_key == b"" for row in harness.memory.rows().values())
    late = registration_of(key, ours)
    harness.clock.advance(CHALLENGE_TTL)
    assert (await browser.post(device_request("/device/start", ("secure-session-response", late)))).status == 400
    assert (await browser.refresh()).status == 200, "the session goes on without a device"


async def test_a_registration_needs_the_cookie_of_its_session(harness: GateHarness) -> None:
    browser, stranger = DeviceBrowser(harness.gate.asgi), DeviceBrowser(harness.gate.asgi)
    challenge = challenge_in(await Browser.send(browser, "POST", "/register", **registering()))
    request = device_request("/device/start", ("secure-session-response", registration_of(SoftwareKey(), challenge)))
    answer = await stranger.post(request)
    assert (answer.status, answer.code) == (401, "no-session")
    await Browser.register(stranger, "bob@example.com")
    answer = await stranger.post(request)
    assert (answer.status, answer.code) == (400, "invalid-device-proof")


async def test_a_session_has_one_device_and_its_registration_may_come_twice(harness: GateHarness) -> None:
    browser = DeviceBrowser(harness.gate.asgi)
    challenge = challenge_in(await Browser.send(browser, "POST", "/register", **registering()))
    first, second = (registration_of(SoftwareKey(), challenge) for _ in range(2))
    statuses = []
    for text in (first, first, second, first):
        answer = await browser.post(device_request("/device/start", ("secure-session-response", text)))
        statuses.append(answer.status)
    assert statuses == [200, 200, 409, 200]


def registering() -> dict[str, Any]:
    body = {"email": EMAIL, "password": PASSWORD, "binding_secret": secret_of(b"k" * 32)}
    return {"body": body, "headers": [("gatepass-client", "1")]}


def challenge_in(answer: Answer) -> str:
    match = REGISTRATION.fullmatch(answer.one("secure-session-registration"))
    assert match is not None
    return match[1]


# DB-03, DB-04, DB-05


async def test_an_attackers_key_in_a_refresh_is_refused_and_told(harness: GateHarness, browser: DeviceBrowser) -> None:
    await bound(browser)
    attacker = SoftwareKey()
    headers = ("sec-secure-session-id", browser.sid)
    challenge = (await browser.post(device_request("/device/refresh", headers))).one("secure-session-challenge")
    text = challenge.split('"')[1]
    for header in ({}, {"jwk": attacker.jwk()}):
        jws = attacker.sign({"alg": "ES256", "typ": "dbsc+jwt", **header}, {"jti": text})
        answer = await browser.post(device_request("/device/refresh", headers, ("secure-session-response", jws)))
        assert (answer.status, answer.code) == (403, "device-proof-required")
        assert not answer.cookies
    assert [event.reason for event in harness.named("authn_refresh_unproven")] == ["device", "device"]  # type: ignore[attr-defined]


async def test_a_stale_or_foreign_challenge_brings_a_new_one_and_never_an_end(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    await bound(browser)
    session = browser.device.sessions[browser.sid]
    for stale in ("never-ours", session.challenge):
        harness.clock.advance(CHALLENGE_TTL)
        session.challenge = stale
        before = len(browser.device_answers)
        browser.expire_device_cookie()
        assert (await browser.refresh()).status == 200
        assert [answer.status for answer in browser.device_answers[before:]] == [403, 200]
        assert 'id="' + browser.sid in browser.device_answers[before].one("secure-session-challenge")


async def test_a_signature_is_good_again_after_an_error_of_the_server(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    """Chromium keeps the signature and lets the refresh through; that is answered with 503, and all is well again."""
    await bound(browser)
    browser.expire_device_cookie()

    async def fail(verb: str) -> None:
        if verb == "find":
            harness.store.before = None
            raise StoreUnavailable

    harness.store.before = fail
    answer = await browser.refresh()
    assert (answer.status, answer.code) == (503, "device-unavailable")
    assert [event.reason for event in harness.named("authn_device_skipped")] == ["server_error"]  # type: ignore[attr-defined]
    assert (await browser.refresh()).status == 200
    assert [answer.status for answer in browser.device_answers[-2:]] == [503, 200]


# DB-06


async def test_the_whole_profile_without_its_device_gets_nothing_and_disturbs_nobody(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    await bound(browser)
    browser.expire_device_cookie()
    thief = browser.copy()
    row = harness.memory.rows()[bytes.fromhex(browser.sid)]
    answer = await thief.refresh()
    assert (answer.status, answer.code, answer.json()["reason"]) == (403, "proof-required", "device")
    assert not answer.cookies
    assert harness.memory.rows()[row.sid] == row
    assert [event.reason for event in harness.named("authn_refresh_unproven")] == ["device"]  # type: ignore[attr-defined]
    assert (await browser.refresh()).status == 200
    assert (await browser.get("/me")).status == 200


async def test_a_copy_of_a_session_without_a_client_key_is_no_reuse_either(harness: GateHarness) -> None:
    browser = DeviceBrowser(harness.gate.asgi, key=None)
    await bound(browser)
    browser.expire_device_cookie()
    thief = browser.copy()
    assert (await browser.refresh()).status == 200
    assert (await thief.refresh()).status == 403
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200


async def test_a_profile_that_was_copied_before_the_device_counted_is_shut_out_once_it_does(
    browser: DeviceBrowser,
) -> None:
    await browser.register()
    thief = browser.copy()
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200
    thief.jar.pop(DEVICE, None)
    assert (await thief.refresh()).status == 403


async def test_a_request_that_the_browser_let_through_is_told_to_come_again(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    await bound(browser)
    browser.expire_device_cookie()
    browser.device.sessions[browser.sid].skipped = "quota_exceeded"
    answer = await browser.refresh()
    assert (answer.status, answer.code, answer.one("retry-after")) == (503, "device-unavailable", "10")
    assert not harness.named("authn_refresh_unproven")
    assert (await browser.refresh()).status == 200


async def test_without_the_answer_to_its_registration_a_browser_goes_on_without_a_device(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    """The row has the key, and the browser never learned of it: it is not asked for (P1)."""
    answer = await Browser.send(browser, "POST", "/register", **registering())
    request = browser.device.registration_for(ORIGIN + "/register", answer.headers)
    assert request is not None
    jar = dict(browser.jar)
    assert (await browser.post(request)).status == 200
    browser.jar = jar
    for _ in range(3):
        harness.clock.advance(900)
        assert (await browser.refresh()).status == 200
    assert await state_of(browser) == "key"


async def test_a_device_that_the_store_lost_is_forgotten_by_the_browser_too(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    """A fail-over took the registration: the browser is told to end it, and the session goes on as it was (P1)."""
    await browser.register()
    assert (await browser.refresh()).status == 200
    sid, rows = bytes.fromhex(browser.sid), harness.memory.rows()
    rows[sid] = replace(rows[sid], device_key=b"", device_since=None)
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200
    assert browser.device_answers[-1].json() == {"session_identifier": browser.sid, "continue": False}
    assert not browser.device.sessions


# DB-07, DB-08


async def test_twenty_refreshes_beside_renewals_of_the_cookie_are_never_reuse(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    """Chromium renews the cookie beside the request that it is for, which then goes with the one before."""
    await bound(browser)
    for number in range(20):
        harness.clock.advance(60)
        if number % 5 == 4:
            browser.expire_device_cookie()
        elif number % 4 == 3:
            before = browser.jar[DEVICE]
            for _ in range(2):  # for a challenge, and with its proof
                await browser.by_itself(browser.device.refresh(browser.sid, ORIGIN))
            browser.jar[DEVICE] = before
        assert (await browser.refresh()).status == 200
    assert not harness.named("authn_token_reuse")
    assert not harness.named("authn_refresh_unproven")


async def test_a_day_of_silent_refreshes(harness: GateHarness, browser: DeviceBrowser) -> None:
    """Every quarter of an hour the cookie has run out: one challenge, one proof, one refresh, and nobody notices."""
    await bound(browser)
    before = len(browser.device_answers)
    for _ in range(96):
        harness.clock.advance(900)
        browser.expire_device_cookie()
        assert (await browser.refresh()).status == 200
    statuses = [answer.status for answer in browser.device_answers[before:]]
    assert (statuses.count(200), set(statuses)) == (96, {200, 403})
    assert not harness.named("authn_refresh_unproven")


async def test_a_lost_answer_to_the_first_proof_locks_nobody_out(harness: GateHarness, browser: DeviceBrowser) -> None:
    """The device counts, and the browser has no cookie yet: it proves itself again (P1)."""
    await browser.register()
    browser.expire_device_cookie()
    device = browser.device
    await browser.by_itself(device.refresh(browser.sid, ORIGIN))
    jar = dict(browser.jar)
    assert (await browser.post(device.refresh(browser.sid, ORIGIN))).status == 200
    browser.jar = jar
    assert harness.memory.rows()[bytes.fromhex(browser.sid)].device_since is not None
    assert (await browser.refresh()).status == 200


async def test_the_cookie_counts_until_its_own_end_and_not_longer(harness: GateHarness, browser: DeviceBrowser) -> None:
    await bound(browser)
    harness.clock.advance(COOKIE_TTL - 1)
    assert (await browser.refresh()).status == 200
    harness.clock.advance(1)
    assert (await Browser.refresh(browser)).status == 403


async def test_a_refresh_with_its_device_costs_the_same_one_call_of_the_store(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    await bound(browser)
    harness.store.verbs.clear()
    assert (await browser.refresh()).status == 200
    assert harness.store.verbs == ["swap"]
    browser.expire_device_cookie()
    harness.store.verbs.clear()
    assert (await browser.refresh()).status == 200
    assert harness.store.verbs == ["find", "swap"], (
        "the proof is checked with the key of the row, which nothing changes"
    )


async def test_a_device_is_told_once(harness: GateHarness, browser: DeviceBrowser) -> None:
    await bound(browser)
    browser.expire_device_cookie()
    await browser.refresh()
    assert len(harness.named("session_device_bound")) == 1


async def test_a_change_of_secrets_ends_no_device() -> None:
    async with open_gate(browsers=ALLOW) as before:
        browser = DeviceBrowser(before.gate.asgi)
        await bound(browser)
        for secrets in ([SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET]):
            async with open_gate(browsers=ALLOW, secrets=secrets, store=before.store, clock=before.clock) as after:
                browser.app = after.gate.asgi
                assert (await browser.refresh()).status == 200
                browser.expire_device_cookie()
                assert (await browser.refresh()).status == 200
        async with open_gate(browsers=ALLOW, secrets=[OTHER_SECRET], store=before.store, clock=before.clock) as last:
            browser.app = last.gate.asgi
            browser.expire_device_cookie()
            assert (await browser.refresh()).status == 200


async def test_where_devices_are_switched_off_again_sessions_go_on_without_them(
    harness: GateHarness, browser: DeviceBrowser
) -> None:
    await bound(browser)
    browser.expire_device_cookie()
    async with open_gate(store=harness.store, clock=harness.clock) as off:
        browser.app = off.gate.asgi
        assert (await browser.refresh()).status == 200
        assert not browser.device.sessions, "404 from the endpoint that is not there"


# DB-09


async def test_a_sign_out_ends_the_device_on_both_sides(browser: DeviceBrowser) -> None:
    await bound(browser)
    sid, jar = browser.sid, dict(browser.jar)
    answer = await browser.logout()
    assert answer.cookie(DEVICE).is_deletion
    browser.jar = {name: value for name, value in jar.items() if name != DEVICE}
    refused = await browser.refresh()
    assert (refused.status, refused.code) == (401, "session-ended")
    assert sid not in browser.device.sessions
    assert browser.device_answers[-1].json()["reason"] == "revoked"


async def test_a_device_of_a_session_that_another_sign_in_replaced_is_forgotten(browser: DeviceBrowser) -> None:
    await bound(browser)
    before = browser.sid
    await browser.login()
    assert browser.sid != before
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200
    assert list(browser.device.sessions) == [browser.sid]


async def test_an_idle_session_is_over_for_its_device_too(harness: GateHarness, browser: DeviceBrowser) -> None:
    await bound(browser)
    harness.clock.advance(31 * DAY)
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 401
    assert not browser.device.sessions


# DB-10


@pytest.mark.parametrize("path", ["/device/start", "/device/refresh"])
@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site"), ("origin", ORIGIN)],
        [("sec-fetch-site", "same-site"), ("origin", "https://app.example.com")],
        [("sec-fetch-site", "none")],
        [("origin", "https://evil.example")],
        [("origin", "https://app.example.com")],
        [],
    ],
)
async def test_requests_for_pages_of_other_origins_are_refused_before_any_look(
    path: str, headers: list[tuple[str, str]]
) -> None:
    """Also those of the allow-list, whose pages may refresh: no page may measure who is signed in here."""
    browsers = Browsers(origins=["https://app.example.com"], device_bound="allow")
    async with open_gate(browsers=browsers) as harness:
        browser = DeviceBrowser(harness.gate.asgi)
        await bound(browser)
        harness.store.verbs.clear()
        answer = await browser.post(DeviceRequest(ORIGIN + path, (*headers, ("sec-secure-session-id", browser.sid))))
        assert (answer.status, answer.code) == (403, "cross-site")
        assert answer.get("secure-session-challenge") is None
        assert answer.one("cross-origin-resource-policy") == "same-origin"
        assert not harness.store.verbs


async def test_garbage_is_refused_without_a_look_at_the_store(harness: GateHarness, browser: DeviceBrowser) -> None:
    await bound(browser)
    harness.store.verbs.clear()
    named = ("sec-secure-session-id", browser.sid)
    assert (await browser.post(device_request("/device/refresh"))).status == 400
    assert (await browser.post(device_request("/device/refresh", ("sec-secure-session-id", "x")))).status == 400
    assert (await browser.post(device_request("/device/refresh", named))).status == 403
    other = ("sec-secure-session-id", "0" * 32)
    assert (await browser.post(device_request("/device/refresh", other))).status == 401
    browser.jar = {RT: "garbage", STATE: browser.jar[STATE]}
    assert (await browser.post(device_request("/device/refresh", named))).status == 401
    browser.jar = {}
    assert (await browser.post(device_request("/device/refresh", named))).status == 401
    assert not harness.store.verbs


async def test_under_load_the_answer_is_503_and_never_429() -> None:
    limits = Limits(refresh_rate=Rate(3, 3600))
    async with open_gate(browsers=ALLOW, limits=limits) as harness:
        browser = DeviceBrowser(harness.gate.asgi)
        await browser.register()
        statuses = set()
        for _ in range(6):
            answer = await browser.post(device_request("/device/refresh", ("sec-secure-session-id", browser.sid)))
            statuses.add(answer.status)
        assert statuses == {403, 503}
        assert int(answer.one("retry-after")) > 0
        assert answer.code == "overloaded"


async def test_an_ill_store_is_503_everywhere(harness: GateHarness, browser: DeviceBrowser) -> None:
    async def fail(_verb: str) -> None:
        raise StoreUnavailable

    challenge = challenge_in(await Browser.send(browser, "POST", "/register", **registering()))
    start = device_request("/device/start", ("secure-session-response", registration_of(SoftwareKey(), challenge)))
    harness.store.before = fail
    assert (await browser.post(start)).status == 503
    named = ("sec-secure-session-id", browser.sid)
    refresh = device_request("/device/refresh", named, ("secure-session-response", "a.b.c"))
    assert (await browser.post(refresh)).status == 503
    harness.store.before = None
