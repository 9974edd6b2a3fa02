"""The page on one host of a site, the API on another: Strict cookies go along, and no state cookie is in sight."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright

from tests.support import preloaded
from tests.support.certificate import certificate
from tests.support.process import until_listening
from tests.system.browser.client_files import client_files
from tests.system.browser.conftest import ROOT, ping, prepared, status, until_page, usual_chromium
from tests.system.providers.conftest import start_mock, stop, until_up
from tools.services.chromium import ARGUMENTS
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("hosts below .test that are this machine")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of the page, whose gate has a provider."""
    port, provider_port = free_port(), free_port()
    (tmp_path / "both.pem").write_bytes(certificate())
    provider = start_mock(provider_port)
    command: list[str | Path] = [sys.executable, "-m", "tests.system.browser.cross_site", "--client", client_files()]
    command += ["--port", str(port), "--folder", tmp_path, "--certificate", tmp_path / "both.pem"]
    command += ["--domain", "example.test", "--issuer", f"http://127.0.0.1:{provider_port}"]
    process = preloaded.start(command, cwd=ROOT)
    until_listening(process, port)
    until_up(provider, provider_port, "oidc-provider-mock")
    yield f"https://app.example.test:{port}"
    process.terminate()
    process.wait()
    stop(provider)


@pytest.fixture
def profile(playwright: Playwright) -> Iterator[BrowserContext]:
    """A profile to which all of `.test` is this machine."""
    arguments = [*ARGUMENTS, "--host-resolver-rules=MAP *.test 127.0.0.1"]
    opened = playwright.chromium.launch(executable_path=usual_chromium(), args=arguments, timeout=PATIENCE * 1_000)
    yield prepared(opened.new_context(ignore_https_errors=True))
    opened.close()


def resumed(page: Page) -> Page:
    """Wait for the page, and until it knows its session."""
    until_page(page, "window.stage")
    page.evaluate("stage.ready.then(() => null)")
    return page


def test_a_page_finds_the_session_that_began_on_the_way_to_it(site: str, profile: BrowserContext) -> None:
    """At a provider, and by a link of the application: no cookie tells the page, so it asks, once (PROTOCOL §5)."""
    asked: list[str] = []
    profile.on("request", lambda request: asked.append(request.method) if "/auth/refresh" in request.url else None)
    page = profile.new_page()
    page.goto(site)
    assert status(resumed(page)) == "anonymous"
    assert asked == [], "a visitor causes no request"
    page.evaluate("() => void stage.signInWith(stage.session, 'mock', { returnTo: location.href + '?after=sign-in' })")
    page.locator("button[value=mock-ann]").click()
    for after in ("sign-in", "link"):
        page.wait_for_function("(after) => location.search === `?after=${after}`", arg=after)
        assert status(resumed(page)) == "active"
        assert page.evaluate("stage.session.getSnapshot().account.email") == "ann@example.com"
        assert page.evaluate("document.cookie") == ""
        page.reload()
        assert "jti" in ping(resumed(page))
        page.evaluate("stage.session.signOut().then(() => null)")
        if after == "sign-in":
            page.goto(f"{site.replace('app.', 'api.')}/link?to=ann@example.com")
