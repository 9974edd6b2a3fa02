"""How long the cookie of a device counts, when a device is over, and who is refused before any look (PROTOCOL §11)."""

import pytest

from gatepass.core.device_challenge import COOKIE_TTL
from gatepass.core.policy import DAY
from gatepass.core.rate import Rate
from gatepass.errors import StoreUnavailable
from gatepass.server.limits import Limits
from gatepass.testing.virtual_device import DeviceRequest, SoftwareKey
from gatepass.wire.browsers import Browsers
from tests.support.browser import ORIGIN, RT, STATE, Browser
from tests.support.device import DEVICE, DeviceBrowser
from tests.support.device_sessions import ALLOW, bound, challenge_in, device_request, registering, registration_of
from tests.support.gates import OTHER_SECRET, SECRET, GateHarness, open_gate


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
