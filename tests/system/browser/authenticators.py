"""Authenticators that Chromium plays (WebAuthn L3 §11, over CDP), a page before them, and a server with passkeys."""

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Page

from tests.system.browser.conftest import Stages, until_page
from tools.services.ports import free_port


def plug_in(cdp: CDPSession, *, verifies: bool = True, transport: str = "internal") -> str:
    """Another authenticator for the page of `cdp`, which must have sent WebAuthn.enable; its id."""
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": transport,
        "hasResidentKey": True,
        "hasUserVerification": verifies,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return str(made["authenticatorId"])


class Device:
    """A page, and the authenticators that its browser has."""

    def __init__(self, profile: BrowserContext, url: str) -> None:
        self.profile = profile
        self.page: Page = profile.new_page()
        self.cdp: CDPSession = profile.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable", {"enableUI": False})
        self.open(url)

    def open(self, url: str) -> None:
        """Load the page of an application with passkeys."""
        self.page.goto(f"{url}/pages/passkeys.html")
        until_page(self.page, "window.passkeys")

    def plug_in(self, *, verifies: bool = True, transport: str = "internal") -> str:
        """Another authenticator; its id."""
        return plug_in(self.cdp, verifies=verifies, transport=transport)

    def pull_out(self, authenticator: str) -> None:
        self.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})

    def keys(self, authenticator: str) -> list[dict[str, Any]]:
        """The credentials in an authenticator, with their private keys."""
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
        return list(found["credentials"])

    def put(self, authenticator: str, key: dict[str, Any]) -> None:
        self.cdp.send("WebAuthn.addCredential", {"authenticatorId": authenticator, "credential": key})

    def do(self, script: str, argument: object = None) -> Any:
        """What a script of the page comes to."""
        return self.page.evaluate(script, argument)


def served(stages: Stages, folder: Path, verification: str) -> str:
    """The address of a server with passkeys, of another port than any other."""
    port = free_port()
    stages.start(port, "--public-port", str(port), "--folder", folder, "--verification", verification)
    return f"http://localhost:{port}"
