"""Refreshes of a session with a device: proofs, copies, lost answers, and a store that forgot (PROTOCOL §11)."""

from dataclasses import replace

from gatepass.core.device_challenge import CHALLENGE_TTL
from gatepass.errors import StoreUnavailable
from gatepass.testing.virtual_device import SoftwareKey
from tests.support.browser import ORIGIN, Browser
from tests.support.device import DEVICE, DeviceBrowser
from tests.support.device_sessions import bound, device_request, registering, state_of
from tests.support.gates import GateHarness

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
    """Every quarter of an hour the cookie has run out: one challenge, one proof, one refresh, unnoticed."""
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
