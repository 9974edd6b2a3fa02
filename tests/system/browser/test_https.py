"""Over https, where cookies bear the prefixes by which a browser itself guards them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.certificate import certificate
from tests.system.browser.conftest import Stages, expire, ping, prepared, sign_up, status, until_page
from tools.services.ports import free_port

CARD, STATE = "__Host-Http-gatepass", "__Host-gatepass_state"


@pytest.fixture
def page(chromium: Browser, stages: Stages, tmp_path: Path) -> Iterator[Page]:
    """A page of the stage over https."""
    port = free_port()
    (tmp_path / "localhost.pem").write_bytes(certificate())
    options = ("--public-port", str(port), "--folder", tmp_path, "--certificate", tmp_path / "localhost.pem")
    server = stages.start(port, *options)
    context = prepared(chromium.new_context(ignore_https_errors=True))
    tab = context.new_page()
    tab.goto(f"https://localhost:{port}")
    until_page(tab, "window.stage")
    yield tab
    context.close()
    os.kill(server, signal.SIGKILL)


def test_the_browser_takes_both_cookies_under_their_prefixes_and_a_refresh_renews_them(page: Page) -> None:
    sign_up(page)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert set(cookies) == {CARD, STATE}
    assert all(cookie["secure"] and cookie["sameSite"] == "Strict" for cookie in cookies.values())
    assert (cookies[CARD]["httpOnly"], cookies[STATE]["httpOnly"]) == (True, False)
    expire(page)
    assert "jti" in ping(page)
    renewed = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert renewed[CARD] != cookies[CARD]["value"]
    assert renewed[STATE].split(".")[1] == "1"
    page.reload()
    page.evaluate("stage.ready.then(() => null)")
    assert status(page) == "active"


READ = "async () => document.cookie + JSON.stringify(await cookieStore.getAll())"
PLANT = """async (name) => {
  document.cookie = `${name}=planted; Path=/; Secure`;
  document.cookie = `${name}=planted; Path=/; Secure; HttpOnly`;
  await cookieStore.set({ name, value: "planted", path: "/" }).catch(() => null);
}"""


def cards(page: Page) -> list[str]:
    return [str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == CARD]


def test_a_script_can_neither_read_nor_plant_the_refresh_cookie(page: Page) -> None:
    """Over one that is there, HttpOnly would keep a script off. In an empty jar the prefix alone does."""
    sign_up(page)
    (before,) = cards(page)
    read = page.evaluate(READ)
    assert STATE in read, "the script does read cookies"
    assert CARD not in read
    assert before not in read
    page.evaluate(PLANT, CARD)
    assert cards(page) == [before]
    page.context.clear_cookies()
    page.evaluate(PLANT, CARD)
    assert cards(page) == []
    page.evaluate(PLANT, "__Host-other")
    assert [cookie["value"] for cookie in page.context.cookies()] == ["planted"], "the script does plant cookies"


def test_signing_out_deletes_both(page: Page) -> None:
    sign_up(page)
    page.evaluate("stage.session.signOut().then(() => null)")
    assert page.context.cookies() == []
