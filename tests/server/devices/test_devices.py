"""Devices of sessions (PROTOCOL §11): offered, registered, and which registrations are refused."""

import pytest

from gatepass.core.device_challenge import CHALLENGE_TTL, COOKIE_TTL
from gatepass.core.device_key import DeviceAlgorithm
from gatepass.errors import ConfigurationError
from gatepass.testing.virtual_device import Dialect, SoftwareKey, VirtualDevice
from gatepass.wire.browsers import Browsers
from tests.support.asgi import call
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.device import DEVICE, DeviceBrowser
from tests.support.device_sessions import (
    ALLOW,
    REGISTRATION,
    bound,
    challenge_in,
    device_request,
    registering,
    registration_of,
    state_of,
)
from tests.support.gates import GateHarness, open_gate

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
