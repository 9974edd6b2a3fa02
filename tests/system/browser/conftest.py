"""A real Chromium before a real server, with a proxy in between that loses things on demand."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect, sync_playwright

from gatepass.testing.faults import FaultProxy
from tests.support.file_clock import FileClock
from tests.support.process import is_listening
from tools.services.chromium import ARGUMENTS, find_chromium
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port
from tools.services.processes import lives

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "web" / "client" / "dist"
TIME = Path(__file__).parent / "pages" / "time.js"
PASSWORD = "correct horse battery staple"
expect.set_options(timeout=PATIENCE * 1_000)
_numbers = itertools.count()


class Stages:
    """A process that has loaded the application once, and starts a server in a fork of its own whenever asked to."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.system.browser.page_server"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def start(self, port: int, *options: str | Path) -> int:
        """The process id of a server with these options, once it takes connections."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        arguments = ["--client", str(CLIENT), "--port", str(port), *map(str, options)]
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        until(lambda: is_listening(port) or not lives(pid), f"a server on port {port}")
        assert lives(pid), "it ended at once"
        return pid

    def close(self) -> None:
        """End it, and all servers with it."""
        self._process.communicate(timeout=PATIENCE)


class Stage:
    """A server process and the proxy before it."""

    def __init__(self, folder: Path, proxy: FaultProxy, stages: Stages, *, options: Sequence[str] = ()) -> None:
        """`options` are further ones of `page_server`."""
        self.proxy = proxy
        self._options = options
        self._folder = folder
        self._stages = stages
        self._clock = FileClock(folder / "offset")
        self._skipped = 0
        self._pid = 0

    @property
    def url(self) -> str:
        """What the browser sees."""
        return f"http://localhost:{self.proxy.port}"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        options: list[str | Path] = ["--public-port", str(self.proxy.port), "--folder", self._folder, *self._options]
        self._pid = self._stages.start(self.proxy.upstream_port, *options)

    def kill(self) -> None:
        """As a power cut would."""
        os.kill(self._pid, signal.SIGKILL)
        until(lambda: not lives(self._pid), "the end of the server")

    def skip(self, seconds: int) -> None:
        """Let the server's clock leap ahead."""
        self._skipped += seconds
        self._clock.set(self._skipped)

    def database(self) -> bytes:
        """All bytes that the store has written."""
        return b"".join(file.read_bytes() for file in self._folder.glob("stage.db*"))


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


def prepared(profile: BrowserContext) -> BrowserContext:
    """A profile whose pages have their time from their test, and are waited for as long as anything here."""
    profile.set_default_timeout(PATIENCE * 1_000)
    profile.add_init_script(path=TIME)
    return profile


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for the run; each test has profiles of its own."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS, timeout=PATIENCE * 1_000)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def stages() -> Iterator[Stages]:
    """What servers are started from."""
    if not (CLIENT / "index.js").is_file():
        pytest.fail("web/client is not built; run: python3 run.py test")
    made = Stages()
    yield made
    made.close()


@pytest.fixture
def stage(tmp_path: Path, stages: Stages) -> Iterator[Stage]:
    """A fresh server with an empty database."""
    with FaultProxy(free_port()) as proxy:
        stage = Stage(tmp_path, proxy, stages)
        stage.start()
        yield stage
        stage.kill()


@pytest.fixture
def profile(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile with its own cookie jar and storage."""
    context = prepared(chromium.new_context())
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
    """Let the page's clock leap over the end of its access token."""
    page.evaluate("skip(Math.max(0, stage.session.getSnapshot().expiresAt - performance.now() + 1))")
