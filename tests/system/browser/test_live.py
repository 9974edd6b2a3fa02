"""A WebSocket and an event stream of `gatepass/live` in a real browser, before a real guard."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket

from tests.support.gates import SECRET
from tests.support.process import environment, until_listening
from tests.system.browser.conftest import ROOT, expire, sign_up, until_page, until_told
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

pytestmark = pytest.mark.chromium_only("frames of WebSockets that Playwright sees")

OPEN = """() => {
    window.heard = [];
    window.said = [];
    window.chat = stage.live.openSocket({
        session: stage.session,
        url: "/live/chat",
        onMessage: (text) => heard.push(text),
        onStatus: (status, lost) => said.push([status, lost?.code ?? null]),
    });
    window.feed = (async () => {
        const events = stage.live.openEvents({ session: stage.session, url: "/live/feed" });
        for await (const { data } of events) heard.push(data);
        said.push(["feed", null]);
    })();
}"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A process that serves the page, its WebSocket and its stream."""
    port = free_port()
    variables = environment(SECRET=SECRET, PUBLIC_URL=f"http://localhost:{port}", STORE="sqlite:///gate.db")
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "uvicorn", "tests.system.browser.live_server:app", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--ws", "websockets-sansio"], cwd=tmp_path, env=variables, stdout=log, stderr=log
        )
        try:
            until_listening(process, port)
            yield f"http://localhost:{port}"
        finally:
            process.kill()
            process.wait(timeout=PATIENCE)


def test_connections_open_with_the_token_renew_it_in_band_and_end_with_the_session(
    address: str, profile: BrowserContext, tmp_path: Path
) -> None:
    page = profile.new_page()
    sockets: list[WebSocket] = []
    shown: list[str] = []

    def note(frame: str | bytes) -> None:
        if "access_token" in str(frame):
            shown.append(json.loads(frame)["access_token"])

    def follow(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framesent", note)

    page.on("websocket", follow)
    page.goto(address)
    until_page(page, "window.stage?.live")
    sign_up(page)
    page.evaluate(OPEN)
    sid = page.evaluate("stage.session.getSnapshot().sessionId")
    until_page(page, "chat.status === 'open'")
    assert page.evaluate("chat.send('hi')")
    until_page(page, "heard.length === 2")
    assert sorted(page.evaluate("heard")) == [sid, f"{sid} hi"]

    newest = refresh_in_another_tab(address, profile)
    until_told(page, lambda: shown[-1] == newest, "the newest token, in band")
    assert page.evaluate("chat.send('again')")
    until_page(page, "heard.length === 3")

    token = page.evaluate("stage.session.token().then(t => t.value)")
    headers = {"Authorization": f"Bearer {token}", "Gatepass-Client": "1"}
    assert httpx2.post(f"{address}/auth/logout", headers=headers).status_code == 204
    until_page(page, "stage.session.getSnapshot().status === 'ended'")
    until_page(page, "said.length === 3")
    assert sorted(page.evaluate("said"), key=str) == [["closed", 4403], ["feed", None], ["open", None]]
    assert page.evaluate("stage.ended").pop()["reason"] == "revoked"
    assert [socket.is_closed() for socket in sockets] == [True], "it was opened again"
    assert not any(token in (tmp_path / "log").read_text() for token in shown)


def refresh_in_another_tab(address: str, profile: BrowserContext) -> str:
    """The tab sends its new token to the others: returns that token."""
    other = profile.new_page()
    other.goto(address)
    until_page(other, "window.stage?.live")
    other.evaluate("stage.ready.then(() => null)")
    expire(other)
    other.evaluate("stage.session.refresh().then(() => null)")
    return str(other.evaluate("stage.session.token().then(t => t.value)"))


def test_an_abandoned_page_does_not_renew_for_its_socket_until_somebody_comes_back(
    address: str, profile: BrowserContext
) -> None:
    page: Page = profile.new_page()
    refreshes: list[str] = []
    page.on("request", lambda sent: refreshes.append(sent.url) if sent.url.endswith("/refresh") else None)
    page.goto(address)
    until_page(page, "window.stage?.live")
    sign_up(page)
    page.evaluate(OPEN)
    until_page(page, "chat.status === 'open'")
    expire(page)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert refreshes == []
    page.keyboard.press("Shift")
    until_told(page, lambda: len(refreshes) == 1, "the refresh")
    until_page(page, "chat.status === 'open'")
