"""Device Bound Session Credentials in the real Chromium, over TLS, with keys in software in the place of a TPM.

On Linux Chromium has them behind two features: DeviceBoundSessions, and software keys for tests. A second browser that
is started without the latter is another machine: it has the whole profile, and no key.
"""

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import BrowserContext, Error, Page, Playwright

from gatepass import Gatepass
from gatepass.core.event import Event
from gatepass.core.policy import Policy
from gatepass.core.session import Session
from gatepass.stores.memory.store import MemoryStore
from gatepass.testing.clock import FastHasher
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.browsers import Browsers
from tests.support.certificate import certificate
from tests.support.gates import SECRET
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("device-bound session credentials")

HOST = "app.example.test"
DEVICES = "DeviceBoundSessions:RefreshQuota/false"
SOFTWARE_KEYS = "EnableBoundSessionCredentialsSoftwareKeysForManualTesting"
SEND = """async ([path, body]) => {
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const headers = { "Gatepass-Client": "1" };
  if (body) {
    localStorage.binding ??= text(crypto.getRandomValues(new Uint8Array(32)));
    body.binding_secret = localStorage.binding;
    headers["Content-Type"] = "application/json";
  } else {
    const [sid, generation, challenge] = document.cookie.match(/gatepass_state[^=]*=([^;]*)/)[1].split(".");
    const raw = atob(localStorage.binding.replaceAll("-", "+").replaceAll("_", "/"));
    const key = await crypto.subtle.importKey(
      "raw", Uint8Array.from(raw, (c) => c.charCodeAt(0)), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const message = new TextEncoder().encode(`gatepass refresh|${sid}|${generation}|${challenge}`);
    const mac = text(await crypto.subtle.sign("HMAC", key, message)).slice(0, 22);
    headers["Gatepass-Proof"] = `${generation}.${challenge}.${mac}`;
  }
  const answer = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  return { status: answer.status, ...(await answer.json()) };
}"""
"""The smallest page that keeps PROTOCOL §5. Its binding key is where every copy of the profile has it too."""


class Harbour:
    """A gate over TLS whose device cookies live for two seconds, and what it stored and told."""

    def __init__(self, pem: Path) -> None:
        self.port = free_port()
        self.url = f"https://{HOST}:{self.port}/"
        self.store = MemoryStore()
        self.events: list[Event] = []
        self.gate = Gatepass(
            secrets=[SECRET],
            public_url=self.url,
            store=self.store,
            hasher=FastHasher(),
            policy=Policy(access_ttl=6, demonstration=True),
            browsers=Browsers(device_bound="allow", private_clients=True),
        )
        self.gate.on_event(self.events.append)
        config = uvicorn.Config(
            _with_a_page(self.gate.served), port=self.port, ssl_certfile=pem, lifespan="off", log_level="warning"
        )
        self.server = uvicorn.Server(config)

    def names(self) -> list[str]:
        """The names of all events so far."""
        return [event.name for event in self.events]

    def row(self) -> Session:
        """The row of the one session that there is."""
        [row] = self.store.rows().values()
        return row


def _with_a_page(served: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/auth/"):
            await served(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>Harbour</title>"})

    return app


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    pem = tmp_path / "harbour.pem"
    pem.write_bytes(certificate(HOST))
    made = Harbour(pem)
    thread = threading.Thread(target=made.server.run)
    thread.start()
    until(lambda: made.server.started, "a server over TLS")
    yield made
    made.server.should_exit = True
    thread.join(PATIENCE)


def launch(playwright: Playwright, folder: Path, *, features: Sequence[str]) -> BrowserContext:
    """A Chromium on a profile. It trusts the one key of the certificate: after an ignored error it binds nothing."""
    public = x509.load_pem_x509_certificate((folder.parent / "harbour.pem").read_bytes()).public_key()
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    arguments = [
        *ARGUMENTS,
        f"--enable-features={','.join(features)}",
        f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(spki).digest()).decode()}",
        "--host-resolver-rules=MAP *.example.test 127.0.0.1",
    ]
    return playwright.chromium.launch_persistent_context(
        folder, executable_path=find_chromium(), args=arguments, timeout=PATIENCE * 1_000
    )


def opened(context: BrowserContext, harbour: Harbour) -> Page:
    """The page; skips where this Chromium does not know device-bound sessions at all."""
    page = context.new_page()
    try:
        context.new_cdp_session(page).send("Network.enableDeviceBoundSessions", {"enable": True})
    except Error:
        context.close()
        pytest.skip("this Chromium has no Device Bound Session Credentials: 156 or newer is needed")
    page.goto(harbour.url)
    return page


def refresh(page: Page) -> dict[str, Any]:
    """A refresh whose device cookie has expired, as it has after every pause of a real session."""
    until(lambda: not _device_cookies(page), "the end of the device cookie")
    answer: dict[str, Any] = page.evaluate(SEND, ["/auth/refresh", None])
    return answer


def _device_cookies(page: Page) -> list[Any]:
    return [cookie for cookie in page.context.cookies() if "-device" in cookie["name"]]


def test_a_bound_session_refreshes_silently_and_a_copy_of_the_whole_profile_is_useless(
    harbour: Harbour, playwright: Playwright, tmp_path: Path
) -> None:
    own = launch(playwright, tmp_path / "profile", features=[DEVICES, SOFTWARE_KEYS])
    page = opened(own, harbour)
    account = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
    assert page.evaluate(SEND, ["/auth/register", account])["status"] == 201
    until(lambda: _device_cookies(page) != [], "the answer to the registration")
    assert harbour.row().device_since is None
    assert [refresh(page)["status"] for _ in range(4)] == [200] * 4
    assert harbour.row().device_since is not None
    assert harbour.names().count("session_device_bound") == 1
    assert "authn_refresh_unproven" not in harbour.names()
    own.close()

    shutil.copytree(tmp_path / "profile", tmp_path / "copy")
    before = harbour.row()
    elsewhere = launch(playwright, tmp_path / "copy", features=[DEVICES])
    refused = refresh(opened(elsewhere, harbour))
    elsewhere.close()
    assert (refused["status"], refused["code"], refused["reason"]) == (403, "proof-required", "device")
    assert harbour.row() == before
    assert harbour.names().count("authn_refresh_unproven") == 1

    again = launch(playwright, tmp_path / "profile", features=[DEVICES, SOFTWARE_KEYS])
    assert refresh(opened(again, harbour))["status"] == 200, (
        "the owner was not disturbed, and the key outlived the browser"
    )
    again.close()

    with_the_key = launch(playwright, tmp_path / "copy", features=[DEVICES, SOFTWARE_KEYS])
    answer = refresh(opened(with_the_key, harbour))
    with_the_key.close()
    assert answer["status"] == 200 or answer["code"] == "refresh-superseded", (
        "software keys lie in the profile: so the key alone made the difference"
    )
