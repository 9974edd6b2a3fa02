"""A real browser before a real server, with a proxy in between that loses things on demand.

In which browsers a test runs: `engines/variants.py`.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect, sync_playwright

from gatepass.testing.faults import FaultProxy
from gatepass.wire.cookie_names import CookieNames, names_of
from tests.support import preloaded
from tests.support.certificate import certificate
from tests.support.file_clock import FileClock
from tests.support.process import is_listening, until_listening
from tests.system.browser.client_files import client_files
from tests.system.browser.engines.chromium import Chromium, prepared
from tests.system.browser.engines.firefox import BLOCKED, Firefox
from tests.system.browser.engines.interface import DriverError, Engine, Page, Profile
from tests.system.browser.engines.report import Report
from tests.system.browser.engines.variants import Variant, chosen, require, variants_of
from tests.system.browser.engines.webkit import WebKit
from tests.system.deployments.nginx import nginx
from tools.services.chromium import ARGUMENTS, find_chromium, find_shell
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port
from tools.services.processes import lives

ROOT = Path(__file__).resolve().parents[3]
__all__ = ["prepared"]
PASSWORD = "correct horse battery staple"
expect.set_options(timeout=PATIENCE * 1_000)
_numbers = itertools.count()
TLS = """
server {
    listen 443 ssl http2;
    ssl_certificate /etc/ssl/example.com/fullchain.pem;
    ssl_certificate_key /etc/ssl/example.com/key.pem;
    location / {
        proxy_pass http://upstream;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_buffering off;
        proxy_read_timeout 1h;
    }
    location /live/chat {
        proxy_pass http://upstream;
        proxy_http_version 1.1;
        proxy_set_header Connection upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Host $http_host;
        proxy_read_timeout 1h;
    }
}
server { listen 80; }
"""
"""A host of its own for nginx, in front of the proxy of a stage, or of an application with a WebSocket."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that a browser drives, in those that it is for."""
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", variants_of(metafunc.definition), ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what no browser drives that this run was asked for."""
    names = chosen()
    here = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    left_out = [item for item in here if not _is_chosen(item, names)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_chosen(item: pytest.Item, names: Sequence[str]) -> bool:
    """Whether a run that was asked for these browsers has this test; what no browser drives is of Chromium's."""
    if item.get_closest_marker("firefox_only") or item.get_closest_marker("elsewhere"):
        names = names or ["chromium"]
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    variant = parameters.get("variant", Variant("chromium"))
    assert isinstance(variant, Variant)
    return not names or variant.browser in names


def pytest_configure(config: pytest.Config) -> None:
    """What each browser did is said at the end."""
    config.pluginmanager.register(Report())


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
        arguments = ["--client", str(client_files()), "--port", str(port), *map(str, options)]
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

    def __init__(
        self, folder: Path, proxy: FaultProxy, stages: Stages, *, url: str = "", options: Sequence[str] = ()
    ) -> None:
        """`url` is what browsers see, if not the proxy itself; `options` are further ones of `page_server`."""
        self.proxy = proxy
        self.url = url or f"http://localhost:{proxy.port}"
        self.direct_url = f"http://localhost:{proxy.port}"
        self.names: CookieNames = names_of(self.url)
        self.options = options
        self.folder = folder
        self._stages = stages
        self._clock = FileClock(folder / "offset")
        self._skipped = 0
        self._pid = 0

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        port = str(urlsplit(self.url).port)
        options: list[str | Path] = ["--public-port", port, "--folder", self.folder, *self.options]
        self._pid = self._stages.start(self.proxy.upstream_port, *options)

    def kill(self) -> None:
        """As a power cut would."""
        os.kill(self._pid, signal.SIGKILL)
        until(lambda: not lives(self._pid), "the end of the server")

    def skip(self, seconds: int) -> None:
        """Let the server's clock leap ahead."""
        self._skipped += seconds
        self._clock.set(self._skipped)

    def run_before(self, script: str) -> None:
        """Have each page that is loaded from now on run this before its own scripts."""
        (self.folder / "before.js").write_text(script, "utf-8")

    def database(self) -> bytes:
        """All bytes that the store has written."""
        return b"".join(file.read_bytes() for file in self.folder.glob("stage.db*"))


PRESENT = """`${location.href} ${document.readyState} ${JSON.stringify(Object.keys(window.stage ?? {}))} ${
    performance.getEntriesByType("resource").map((entry) => `${entry.name} ${entry.responseStatus}`).join(", ")}`"""
"""What a page that waits in vain may be missing."""


def until_page(page: Page, expression: str) -> None:
    """Return once an expression holds in this page.

    `page.wait_for_function` cannot: what it does not find true at once it evaluates anew within the page, which the
    content security policies of ours forbid.
    """

    said = "false"

    def holds() -> bool:
        nonlocal said
        try:
            return bool(page.evaluate(f"() => Boolean({expression})"))
        except DriverError as error:
            said = str(error)
            return False
        except Error as error:
            if "context was destroyed" in str(error):
                return False  # asked while one page gave way to the next
            raise

    try:
        until(holds, expression)
    except TimeoutError as error:
        error.add_note(f"the last look: {said}")
        with contextlib.suppress(DriverError, Error):
            error.add_note(f"the page: {page.evaluate(PRESENT)}")
        raise


def until_told(page: Page, holds: Callable[[], object], what: str) -> None:
    """Return once what the browser tells this process of has come: a request, a frame, a crash.

    Playwright calls the listeners of `on` within its own calls only: a wait that makes none hears nothing.
    """
    until(lambda: page.evaluate("1") and holds(), what)


def until_at(page: Page, url: str) -> None:
    """Return once a page is there and loaded. Not by `page.url`, which Playwright renews in calls to the page alone."""
    until_page(page, f"location.href === {json.dumps(url)} && document.readyState === 'complete'")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


def usual_chromium() -> str | None:
    """The Chromium of a test that needs a page only. A run for the sake of browsers has the one that people have."""
    return find_chromium() if chosen() else find_shell()


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for the run; each test has profiles of its own."""
    browser = playwright.chromium.launch(executable_path=usual_chromium(), args=ARGUMENTS, timeout=PATIENCE * 1_000)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def stages() -> Iterator[Stages]:
    """What servers are started from."""
    client_files()
    made = Stages()
    yield made
    made.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page whose API is on another site (`cross_site.py`)."""
    folder, port = tmp_path_factory.mktemp("cross-site"), free_port()
    (folder / "both.pem").write_bytes(certificate())
    command: list[str | Path] = [sys.executable, "-m", "tests.system.browser.cross_site", "--client", client_files()]
    command += ["--port", str(port), "--folder", folder, "--certificate", folder / "both.pem"]
    process = preloaded.start(command, cwd=ROOT)
    until_listening(process, port)
    yield f"https://app.localhost:{port}"
    process.terminate()
    process.wait()


@contextlib.contextmanager
def staged(folder: Path, stages: Stages, variant: Variant, *, options: Sequence[str] = ()) -> Iterator[Stage]:
    """A fresh server with an empty database; over https nginx is in front of it."""
    with FaultProxy(free_port()) as proxy, contextlib.ExitStack() as stack:
        made = Stage(folder, proxy, stages, options=options)
        if variant.scheme == "https":
            (folder / "nginx").mkdir()
            front = stack.enter_context(nginx(folder / "nginx", TLS, upstreams={"upstream": f"127.0.0.1:{proxy.port}"}))
            made = Stage(folder, proxy, stages, url=front.base, options=[*options, "--behind-tls"])
        made.start()
        yield made
        made.kill()


@pytest.fixture
def stage(tmp_path: Path, stages: Stages, variant: Variant) -> Iterator[Stage]:
    """See `staged`."""
    with staged(tmp_path, stages, variant) as made:
        yield made


@pytest.fixture(scope="session")
def engines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Engine]]:
    """Gives each browser by its name; it is started at the first use, once for all tests of this process."""
    made: dict[str, Engine] = {}

    def start(name: str) -> Engine:
        require(name)
        if name == "chromium":
            return Chromium(request.getfixturevalue("chromium"))
        folder = tmp_path_factory.mktemp(name)
        return Firefox(folder, BLOCKED) if name == "firefox" else WebKit(folder)

    def find(name: str) -> Engine:
        if name in made and made[name].is_gone:
            made.pop(name).close()
        if name not in made:
            made[name] = start(name)
        return made[name]

    yield find
    for engine in made.values():
        engine.close()


@pytest.fixture
def engine(variant: Variant, engines: Callable[[str], Engine]) -> Engine:
    """The browser of this test."""
    return engines(variant.browser)


@pytest.fixture
def profile(engine: Engine) -> Iterator[Any]:
    """A browser profile with its own cookie jar and storage: a Profile, in Chromium Playwright's BrowserContext."""
    made = engine.new_profile()
    yield made
    made.close()


@pytest.fixture
def tab(stage: Stage, profile: Profile) -> Any:
    """A page of the stage, signed out."""
    return open_tab(stage, profile)


def open_tab(stage: Stage, profile: Profile) -> Any:
    """Another tab of a profile, its session resumed: a Page."""
    page = profile.new_page()
    page.goto(stage.url)
    resume(page)
    return page


def until_shared(*tabs: Page) -> None:
    """Return once each of these tabs has heard of the newest token: the one that was loaded last tells the others."""
    newest = max(tab.evaluate("stage.session.getSnapshot().generation") for tab in tabs)
    for tab in tabs:
        until_page(tab, f"!window.BroadcastChannel || stage.session.getSnapshot().generation >= {newest}")


def resume(page: Page) -> None:
    """Wait, after a load, until the page knows who is signed in."""
    until_page(page, "window.stage")
    page.evaluate("stage.ready.then(() => null)")


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
