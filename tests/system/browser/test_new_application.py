"""The page of `gatepass new flask`, which has no build and no tests of its own, in a real browser."""

import sys
from pathlib import Path

import pytest

from tests.support import preloaded
from tests.support.process import environment, gatepass, until_listening
from tests.system.browser.conftest import until_page
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.person import fill, press, until_said, until_there, without_errors
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.one_scheme


def test_a_person_makes_an_account_writes_a_note_comes_back_and_leaves(profile: Profile, tmp_path: Path) -> None:
    assert gatepass(tmp_path, "new", "flask").returncode == 0
    port = free_port()
    settings = environment(PUBLIC_URL=f"http://localhost:{port}")
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    with preloaded.start(command, cwd=tmp_path / "flask", env=settings) as process:
        try:
            until_listening(process, port)
            page = profile.new_page()
            with without_errors(page):
                _visit(page, f"http://localhost:{port}")
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _visit(page: Page, url: str) -> None:
    page.goto(url)
    fill(page, "E-mail address", "ann@example.com")
    fill(page, "Password", "short")
    press(page, "Make an account")
    until_page(page, "document.querySelector('[role=alert]').innerText")
    fill(page, "Password", "seven green bottles")
    press(page, "Make an account")
    fill(page, "New note", "water the hedge")
    press(page, "Add")
    until_there(page, "button", "Delete: water the hedge")
    page.reload()
    until_said(page, "ann@example.com")
    press(page, "Delete: water the hedge")
    until_page(page, "!document.querySelector('li')")
    press(page, "Sign out")
    until_there(page, "button", "Sign in")
