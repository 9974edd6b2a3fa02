"""A real Chromium before a real server, with a proxy in between that loses things on demand."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright

from gatepass.testing.faults import FaultProxy
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "web" / "client" / "dist"
PASSWORD = "correct horse battery staple"
_numbers = itertools.count()


class Stage:
    """The server process and the proxy before it."""

    def __init__(self, folder: Path, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What the browser sees."""
        return f"http://localhost:{self.proxy.port}"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        command = [sys.executable, "-m", "tests.system.browser.page_server", "--client", str(CLIENT)]
        command += ["--port", str(self.proxy.upstream_port), "--public-port", str(self.proxy.port)]
        command += ["--folder", str(self._folder)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        until(lambda: is_listening(self.proxy.upstream_port))

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def database(self) -> bytes:
        """All bytes that the store has written."""
        return b"".join(file.read_bytes() for file in self._folder.glob("stage.db*"))


def until(condition: Callable[[], Any], *, seconds: float = 15.0) -> None:
    """Return once `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come to pass")
        time.sleep(0.02)


def until_page(page: Page, expression: str) -> None:
    """Return once an expression holds in this page.

    `page.wait_for_function` cannot: what it does not find true at once it evaluates anew within the page, which the
    content security policies of ours forbid.
    """

    def holds() -> bool:
        try:
            return bool(page.evaluate(f"() => Boolean({expression})"))
        except Error as error:
            if "context was destroyed" in str(error):
                return False  # asked while one page gave way to the next
            raise

    until(holds)


def is_listening(port: int) -> bool:
    """Whether a loopback port takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for the run; each test has profiles of its own."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A fresh server with an empty database."""
    if not (CLIENT / "index.js").is_file():
        pytest.fail("web/client is not built; run: python3 run.py test")
    with FaultProxy(free_port()) as proxy:
        stage = Stage(tmp_path, proxy)
        stage.start()
        yield stage
        stage.kill()


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile with its own cookie jar and storage."""
    context = chromium.new_context()
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def tab(stage: Stage, profile: BrowserContext) -> Page:
    """A page of the stage, nobody signed in."""
    return open_tab(stage, profile)


def open_tab(stage: Stage, profile: BrowserContext) -> Page:
    """Another tab of a profile, its session resumed."""
    page = profile.new_page()
    page.goto(stage.url)
    until_page(page, "window.stage")
    page.evaluate("stage.ready.then(() => null)")
    return page


def sign_up(page: Page, *, remember: bool = True) -> str:
    """Make an account and sign it in; the address."""
    email = f"ann{next(_numbers)}.{os.getpid()}@example.com"
    page.evaluate(
        "(who) => stage.session.signUp(who).then(() => null)",
        {"email": email, "password": PASSWORD, "remember": remember},
    )
    return email


def status(page: Page) -> str:
    """What the session says of itself."""
    value: str = page.evaluate("stage.session.getSnapshot().status")
    return value


def ping(page: Page) -> dict[str, Any]:
    """One guarded call through the client: the answer, or what was thrown."""
    answer: dict[str, Any] = page.evaluate(
        "stage.api.get('/api/ping').then(r => r.data, e => ({ error: e.kind, status: e.status }))"
    )
    return answer


def expire(page: Page) -> None:
    """Wait until the access token in this page has run out."""
    until_page(page, "!(performance.now() <= stage.session.getSnapshot().expiresAt)")
