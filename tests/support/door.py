"""What the tests of `gate.sign_in` do: make a request, and take the session as a browser does."""

from typing import Any

from gatepass.core.principal import Principal
from gatepass.server.door.door import SignedIn
from tests.support.browser import Browser
from tests.support.gates import GateHarness

CLIENT = ("203.0.113.7", 50_000)


def scope_of(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A request as a server gives it to an application without a guard."""
    raw = [(name.encode(), value.encode()) for name, value in (("user-agent", "Firefox/140.0 Linux"), *headers)]
    return {"type": "http", "method": "GET", "path": "/in", "headers": raw, "client": CLIENT, **more}


def principal_of(at: GateHarness, signed_in: SignedIn) -> Principal:
    return at.gate.check.principal([f"Bearer {signed_in.grant['access_token']}"])


def take(browser: Browser, signed_in: SignedIn) -> None:
    """What a browser does with the headers."""
    for name, value in signed_in.headers:
        if name == "set-cookie":
            cookie, _, text = value.partition(";")[0].partition("=")
            browser.jar[cookie] = text
    browser.access_token = signed_in.grant["access_token"]
