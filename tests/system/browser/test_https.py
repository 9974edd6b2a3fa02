"""Over https, where cookies bear the prefixes by which a browser itself guards them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.certificate import certificate
from tests.system.browser.conftest import Stages, expire, ping, prepared, sign_up, status, until_page
from tools.services.ports import free_port


@pytest.fixture
def page(chromium: Browser, stages: Stages, tmp_path: Path) -> Iterator[Page]:
    """A page of the stage over https."""
    port = free_port()
    (tmp_path / "localhost.pem").write_bytes(certificate())
    options = ("--public-port", str(port), "--folder", tmp_path, "--certificate", tmp_path / "localhost.pem")
    server = stages.start(port, *options)
    context = prepared(chromium.new_context(ignore_https_errors=True))
    yield opened(context, port)
    context.close()
    os.kill(server, signal.SIGKILL)


def opened(context: BrowserContext, port: int) -> Page:
    """A page of the stage at this port."""
    tab = context.new_page()
    tab.goto(f"https://localhost:{port}")
    until_page(tab, "window.stage")
    tab.evaluate("stage.ready.then(() => null)")
    return tab


def names(page: Page) -> tuple[str, str]:
    """The names of the two cookies of a gate at the port of this page."""
    port = urlsplit(page.url).port
    return f"__Host-Http-gatepass_{port}", f"__Host-gatepass_state_{port}"


def test_the_browser_takes_both_cookies_under_their_prefixes_and_a_refresh_renews_them(page: Page) -> None:
    sign_up(page)
    card, state = names(page)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert set(cookies) == {card, state}
    assert all(cookie["secure"] and cookie["sameSite"] == "Strict" for cookie in cookies.values())
    assert (cookies[card]["httpOnly"], cookies[state]["httpOnly"]) == (True, False)
    expire(page)
    assert "jti" in ping(page)
    renewed = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert renewed[card] != cookies[card]["value"]
    assert renewed[state].split(".")[1] == "1"
    page.reload()
    page.evaluate("stage.ready.then(() => null)")
    assert status(page) == "active"


STATE = "__Host-gatepass_state"
SIGN_IN_AT_BOTH = """async () => {
  const sids = [];
  for (const session of Object.values(stage.at)) {
    await session.signUp({ email: "both@example.com", password: "correct horse battery staple" });
    sids.push(session.getSnapshot().sessionId);
  }
  return sids;
}"""
REFRESH_AT_BOTH = """async () => {
  const found = [];
  for (const session of Object.values(stage.at)) {
    const { status, sessionId: sid } = await session.refresh();
    found.push({ status, sid });
  }
  return found;
}"""
READ = "async () => document.cookie + JSON.stringify(await cookieStore.getAll())"
PLANT = """async (name) => {
  document.cookie = `${name}=planted; Path=/; Secure`;
  document.cookie = `${name}=planted; Path=/; Secure; HttpOnly`;
  await cookieStore.set({ name, value: "planted", path: "/" }).catch(() => null);
}"""


def cards(page: Page) -> list[str]:
    return [str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == names(page)[0]]


def test_a_script_can_neither_read_nor_plant_the_refresh_cookie(page: Page) -> None:
    """Over one that is there, HttpOnly would keep a script off. In an empty jar the prefix alone does."""
    sign_up(page)
    card, state = names(page)
    (before,) = cards(page)
    read = page.evaluate(READ)
    assert state in read, "the script does read cookies"
    assert card not in read
    assert before not in read
    page.evaluate(PLANT, card)
    assert cards(page) == [before]
    page.context.clear_cookies()
    page.evaluate(PLANT, card)
    assert cards(page) == []
    page.evaluate(PLANT, "__Host-other")
    assert [cookie["value"] for cookie in page.context.cookies()] == ["planted"], "the script does plant cookies"


def test_signing_out_deletes_both(page: Page) -> None:
    sign_up(page)
    page.evaluate("stage.session.signOut().then(() => null)")
    assert page.context.cookies() == []


def test_two_gates_on_two_ports_live_side_by_side(
    page: Page, stages: Stages, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, port = tmp_path_factory.mktemp("second"), free_port()
    (folder / "localhost.pem").write_bytes(certificate())
    certified = ("--folder", folder, "--certificate", folder / "localhost.pem")
    server = stages.start(port, "--public-port", str(port), *certified)
    other = opened(page.context, port)
    try:
        addresses = [sign_up(tab) for tab in (page, other)]
        for _ in range(2):
            for tab, address in zip((page, other), addresses, strict=True):
                expire(tab)
                assert "jti" in ping(tab)
                tab.reload()
                tab.evaluate("stage.ready.then(() => null)")
                assert tab.evaluate("stage.session.getSnapshot().account.email") == address
        other.evaluate("stage.session.signOut().then(() => null)")
        assert {cookie["name"] for cookie in page.context.cookies()} == set(names(page))
        expire(page)
        assert "jti" in ping(page)
    finally:
        os.kill(server, signal.SIGKILL)


def test_two_gates_under_two_paths_live_side_by_side(chromium: Browser, stages: Stages, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "localhost.pem").write_bytes(certificate())
    certified = ("--folder", tmp_path, "--certificate", tmp_path / "localhost.pem")
    server = stages.start(port, "--public-port", str(port), *certified, "--paths", "one", "two")
    context = prepared(chromium.new_context(ignore_https_errors=True))
    tab = opened(context, port)
    try:
        sids = tab.evaluate(SIGN_IN_AT_BOTH)
        assert len(set(sids)) == 2
        expected = {f"{prefix}_{port}_{path}" for prefix in ("__Secure-gatepass", STATE) for path in ("one", "two")}
        assert {cookie["name"] for cookie in context.cookies(f"https://localhost:{port}/one/auth/refresh")} | {
            cookie["name"] for cookie in context.cookies(f"https://localhost:{port}/two/auth/refresh")
        } == expected
        fresh = opened(context, port)
        assert fresh.evaluate(REFRESH_AT_BOTH) == [{"status": "active", "sid": sid} for sid in sids]
        fresh.evaluate("stage.at.one.signOut().then(() => null)")
        assert fresh.evaluate(REFRESH_AT_BOTH)[1] == {"status": "active", "sid": sids[1]}
    finally:
        context.close()
        os.kill(server, signal.SIGKILL)
