"""The page of `gatepass new flask`, which has no build and no tests of its own, in a real browser."""

import os
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support import preloaded
from tests.support.process import gatepass, until_listening
from tests.system.browser.conftest import prepared
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("Playwright's locators")


def test_a_person_makes_an_account_writes_a_note_comes_back_and_leaves(chromium: Browser, tmp_path: Path) -> None:
    assert gatepass(tmp_path, "new", "flask").returncode == 0
    port = free_port()
    environment = {**os.environ, "GATEPASS_PUBLIC_URL": f"http://localhost:{port}"}
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    with preloaded.start(command, cwd=tmp_path / "flask", env=environment) as process:
        try:
            until_listening(process, port)
            _visit(chromium, f"http://localhost:{port}")
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _visit(chromium: Browser, url: str) -> None:
    page = prepared(chromium.new_context()).new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.goto(url)
    page.get_by_label("E-mail address").fill("ann@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Password").fill("seven green bottles")
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("New note").fill("water the hedge")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Delete: water the hedge")).to_be_visible()
    page.reload()
    expect(page.get_by_text("ann@example.com")).to_be_visible()
    page.get_by_role("button", name="Delete: water the hedge").click()
    expect(page.get_by_role("listitem")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert thrown == []
    page.context.close()
