"""A WebSocket and an event stream of `gatepass/live` in a real browser, before a real guard."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.support.gates import SECRET
from tests.support.process import environment, until_listening
from tests.system.browser.conftest import ROOT, TLS, expire, sign_up, until_page
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.engines.variants import Variant
from tests.system.deployments.nginx import nginx
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

WATCH = """
window.sockets = [];
window.shown = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
  }
  send(text) {
    if (text.includes("access_token")) shown.push(JSON.parse(text).access_token);
    super.send(text);
  }
};
"""
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
def address(tmp_path: Path, variant: Variant) -> Iterator[str]:
    """A process that serves the page, its WebSocket and its stream; over https nginx is in front of it."""
    port = free_port()
    (tmp_path / "before.js").write_text(WATCH)
    with ExitStack() as stack:
        url = f"http://localhost:{port}"
        if variant.scheme == "https":
            (tmp_path / "nginx").mkdir()
            upstreams = {"upstream": f"127.0.0.1:{port}"}
            url = stack.enter_context(nginx(tmp_path / "nginx", TLS, upstreams=upstreams)).base
        # Without HSTS, which would hold for every port of localhost, and for the tests over http that come later.
        variables = environment(SECRET=SECRET, PUBLIC_URL=url, STORE="sqlite:///gate.db", HSTS="off")
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        command = [sys.executable, "-m", "uvicorn", "tests.system.browser.live_server:app", "--port", str(port)]
        log = stack.enter_context((tmp_path / "log").open("wb"))
        process = subprocess.Popen(
            [*command, "--ws", "websockets-sansio"], cwd=tmp_path, env=variables, stdout=log, stderr=log
        )
        try:
            until_listening(process, port)
            yield url
        finally:
            process.kill()
            process.wait(timeout=PATIENCE)


@pytest.fixture
def page(address: str, profile: Profile) -> Page:
    """A page with a socket and a stream that are open, with a session."""
    made = open_page(address, profile)
    sign_up(made)
    made.evaluate(OPEN)
    until_page(made, "chat.status === 'open'")
    return made


def open_page(address: str, profile: Profile) -> Page:
    page: Page = profile.new_page()
    page.goto(address)
    until_page(page, "window.stage?.live")
    page.evaluate("stage.ready.then(() => null)")
    return page


def test_connections_open_with_the_token_renew_it_in_band_and_end_with_the_session(
    address: str, profile: Profile, page: Page, tmp_path: Path
) -> None:
    sid = page.evaluate("stage.session.getSnapshot().sessionId")
    assert page.evaluate("chat.send('hi')")
    until_page(page, "heard.length === 2")
    assert sorted(page.evaluate("heard")) == [sid, f"{sid} hi"]

    newest = refresh_in_another_tab(address, profile)
    until_page(page, f"shown.at(-1) === '{newest}'")
    assert page.evaluate("chat.send('again')")
    until_page(page, "heard.length === 3")

    token = page.evaluate("stage.session.token().then(t => t.value)")
    headers = {"Authorization": f"Bearer {token}", "Gatepass-Client": "1"}
    with httpx2.Client(verify=False) as elsewhere:
        assert elsewhere.post(f"{address}/auth/logout", headers=headers).status_code == 204
    until_page(page, "stage.session.getSnapshot().status === 'ended'")
    until_page(page, "said.length === 3")
    assert sorted(page.evaluate("said"), key=str) == [["closed", 4403], ["feed", None], ["open", None]]
    assert page.evaluate("stage.ended").pop()["reason"] == "revoked"
    assert page.evaluate("sockets.map(({ readyState }) => readyState)") == [3], "closed, and not opened again"
    assert not any(shown in (tmp_path / "log").read_text() for shown in page.evaluate("shown"))


def refresh_in_another_tab(address: str, profile: Profile) -> str:
    """The tab sends its new token to the others: returns that token."""
    other = open_page(address, profile)
    expire(other)
    other.evaluate("stage.session.refresh().then(() => null)")
    return str(other.evaluate("stage.session.token().then(t => t.value)"))


def test_an_abandoned_page_does_not_renew_for_its_socket_until_somebody_comes_back(page: Page) -> None:
    refreshes = "stage.refreshes.filter(({ phase }) => phase === 'start').length"
    expire(page)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert page.evaluate(refreshes) == 0
    page.evaluate(
        "() => { document.body.append(Object.assign(document.createElement('button'), { textContent: 'Here' })); }"
    )
    page.click("button")
    until_page(page, f"{refreshes} === 1")
    until_page(page, "chat.status === 'open'")
