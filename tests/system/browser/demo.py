"""The demo as visitors meet it: a process of its own, and a browser that notes every fault of the page."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.support import preloaded
from tests.support.process import until_listening
from tests.system.browser.conftest import ROOT, prepared
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

PAGE = ROOT / "src" / "gatepass" / "demo" / "page" / "index.html"
Visit = Callable[..., Page]
_WATCH_POLICY = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective} ${blockedURI}`);
});
"""


@contextlib.contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[int]:
    """The port of a `gatepass demo` with a folder of its own. Ctrl-C must end it cleanly."""
    if not PAGE.is_file():
        pytest.fail("web/demo is not built; run: python3 run.py test")
    port = free_port()
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-m", "tests.system.browser.lasting_demo", "--port", str(port), *options]
    process = preloaded.start(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    until_listening(process, port)
    yield port
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0, "Ctrl-C must end the demo cleanly"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running demo."""
    with running_demo(tmp_path_factory.mktemp("demo")) as port:
        yield f"http://localhost:{port}"


@pytest.fixture
def visit(demo: str, chromium: Browser) -> Iterator[Visit]:
    """Open the demo in a fresh profile: `visit(width=…, scheme=…)`. No page may break its policy or throw."""
    pages: list[Page] = []
    thrown: list[str] = []

    def open_page(*, width: int = 1280, height: int = 900, scheme: str = "light", first: Page | None = None) -> Page:
        context = (
            first.context
            if first
            else prepared(
                chromium.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,  # type: ignore[arg-type]
                )
            )
        )
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.add_init_script(_WATCH_POLICY)
        page.goto(demo)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        assert page.evaluate("violations") == [], "the page must keep its own Content-Security-Policy"
    assert thrown == []
    for page in pages:
        page.context.close()


def sign_in(page: Page) -> None:
    """With the seeded account, by the one button for it."""
    press(page, "Use the demo account")
    page.get_by_role("heading", name="Your notes").wait_for()
    page.get_by_role("button", name="Revoke").first.wait_for()
    stand_still(page)
    ripen(page)


def stand_still(page: Page) -> None:
    """No call every five seconds: it would mix with those that a test counts."""
    page.get_by_role("switch", name="Keep me walking about").click()


def ripen(page: Page) -> None:
    """Let the page's pass be 5 seconds old: before that its refusal leads to no refresh (PROTOCOL §7)."""
    page.evaluate("skip(6_000)")


def press(page: Page, name: str) -> None:
    """Press a button by its name, a moment after what was done last: the page tells of what goes together as one."""
    page.evaluate("skip(1_000)")
    page.get_by_role("button", name=name, exact=True).click()


def told(page: Page, text: str) -> Locator:
    """Wait until the live region has said `text`."""
    spoken = page.get_by_role("status").filter(has_text=text)
    spoken.wait_for(state="attached")
    return spoken


def generation(page: Page) -> int:
    """The number on the membership card."""
    return int(page.locator(".generation").inner_text())


def axe_source() -> str:
    """The accessibility checker, as npm has it. Fails with what to run."""
    for folder in (
        ROOT / "web" / "node_modules",
        ROOT / "web" / "demo" / "node_modules",
        ROOT / "node_modules",
    ):
        file: Path = folder / "axe-core" / "axe.min.js"
        if file.is_file():
            return file.read_text()
    pytest.fail("axe-core is not installed; run: python3 run.py test")
