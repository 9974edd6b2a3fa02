"""What the tests of devices do: bind a session, and make proofs by hand."""

import re
from typing import Any

from gatepass.testing.virtual_device import DeviceRequest, SoftwareKey
from gatepass.wire.browsers import Browsers
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, Browser, secret_of
from tests.support.device import DeviceBrowser

ALLOW = Browsers(device_bound="allow")
REGISTRATION = re.compile(r'\(ES256 RS256\);path="device/start";challenge="([A-Za-z0-9_-]{56})"')


async def bound(browser: DeviceBrowser) -> None:
    """Sign in and register, let the first cookie of the device expire, and refresh: from now on it is asked for."""
    assert (await browser.register()).status == 201
    assert browser.device.sessions
    browser.expire_device_cookie()
    assert (await browser.refresh()).status == 200


async def state_of(browser: Browser) -> Any:
    sessions = (await browser.get("/sessions")).json()["sessions"]
    return next(one["bound"] for one in sessions if one["current"])


def registration_of(key: SoftwareKey, challenge: str, **changes: Any) -> str:
    return key.sign({"alg": key.algorithm, "typ": "dbsc+jwt", "jwk": key.jwk()} | changes, {"jti": challenge})


def device_request(path: str, *headers: tuple[str, str]) -> DeviceRequest:
    fetch = (("origin", ORIGIN), ("sec-fetch-site", "same-origin"))
    return DeviceRequest(ORIGIN + path, (*fetch, *headers))


def registering() -> dict[str, Any]:
    body = {"email": EMAIL, "password": PASSWORD, "binding_secret": secret_of(b"k" * 32)}
    return {"body": body, "headers": [("gatepass-client", "1")]}


def challenge_in(answer: Answer) -> str:
    match = REGISTRATION.fullmatch(answer.one("secure-session-registration"))
    assert match is not None
    return match[1]
