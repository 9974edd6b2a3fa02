"""The programs of the guides: each block with the name of a file is run, and does what its page says."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from gatepass import Gatepass, Pages
from gatepass.testing import ManualClock, memory_gate
from tests.support.browser import Browser as Visitor
from tests.support.gates import GateHarness
from tests.support.guides import ANN, GUIDES, PAGE, program, serving, sign_up
from tests.support.lifespan import started
from tests.support.tutorial import ROOT, blocks
from tests.support.wsgi import over_asgi
from tools.services.patience import PATIENCE, until


class TestWebSockets:
    @pytest.fixture
    def client(self) -> Iterator[TestClient]:
        with serving(program("websockets", "app.py").create_app(memory_gate(clock=ManualClock()))) as client:
            yield client

    def code_of(self, socket: WebSocketTestSession) -> tuple[int, str]:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        return closed.value.code, closed.value.reason

    def test_a_first_message_lets_in_and_an_ended_session_closes_the_socket(self, client: TestClient) -> None:
        account, bearer = sign_up(client)
        with client.websocket_connect("/chat") as socket:
            socket.send_json({"type": "gatepass", "access_token": bearer["Authorization"].partition(" ")[2]})
            assert socket.receive_json()["expires_in"] == 900
            socket.send_text("hello")
            assert socket.receive_json() == {"from": account, "text": "hello"}
            client.post("/auth/logout", headers={**bearer, **PAGE})
            assert self.code_of(socket) == (4403, "session-ended")

    def test_a_forged_token_closes_the_socket(self, client: TestClient) -> None:
        with client.websocket_connect("/chat") as socket:
            socket.send_json({"type": "gatepass", "access_token": "x"})
            assert self.code_of(socket) == (4401, "invalid-token")

    def test_a_feed_goes_on_behind_the_last_event_and_is_for_callers_alone(self) -> None:
        with serving(program("websockets", "feed.py").create_app(memory_gate())) as client:
            _, bearer = sign_up(client)
            assert client.get("/news", headers={**bearer, "Last-Event-ID": "6"}).text.startswith("id: 7\n")
            assert client.get("/news").status_code == 401


class TestMetrics:
    def test_each_event_is_one_line_of_json(self) -> None:
        module = program("metrics", "log.py")
        module.handler.setStream(written := io.StringIO())
        try:
            with serving(program("metrics", "counters.py").create_app(memory_gate())) as client:
                sign_up(client)
        finally:
            module.EVENTS.removeHandler(module.handler)
            module.EVENTS.propagate = True
            module.EVENTS.setLevel(logging.NOTSET)
        lines = [json.loads(line)["event"] for line in written.getvalue().splitlines()]
        assert "session_created" in lines

    def test_the_counters_are_in_the_format_of_prometheus(self) -> None:
        with serving(program("metrics", "counters.py").create_app(memory_gate())) as client:
            sign_up(client)
            client.post("/auth/refresh", headers=PAGE)
            counted = 'gatepass_events_total{event="session_renewed"} 1'
            until(lambda: counted in client.get("/metrics").text.splitlines(), "the count")
            lines = client.get("/metrics").text.splitlines()
        assert lines[0] == "# TYPE gatepass_events_total counter"

    def test_otel_counts_events_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = program("metrics", "otel.py")
        reader = InMemoryMetricReader()
        provider = MeterProvider(metric_readers=[reader])
        monkeypatch.setattr(module.metrics, "get_meter", provider.get_meter)
        gate = memory_gate()
        module.count_events(gate)
        with serving(program("metrics", "counters.py").create_app(gate)) as client:
            sign_up(client)
        data = reader.get_metrics_data()
        assert data is not None
        points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
        assert "user_created" in [(point.attributes or {})["event.name"] for point in points]
        provider.shutdown()


def test_the_listener_of_the_page_on_hooks_hears_of_accounts() -> None:
    module = program("hooks", "app.py")
    gate: Gatepass = memory_gate(clock=ManualClock())
    with serving(module.create_app(gate)) as client:
        _, bearer = sign_up(client)
        until(lambda: module.ACCOUNTS["made"] == 1, "the registration")
        body = {"password": ANN["password"]}
        assert client.post("/auth/account/delete", json=body, headers={**bearer, **PAGE}).status_code == 204
        until(lambda: module.ACCOUNTS["deleted"] == 1, "the deletion")


def test_the_page_on_sign_in_buttons_shows_the_files_of_its_example() -> None:
    example = ROOT / "examples" / "sign_in_buttons"
    shown = {block.title: block.text for block in blocks(GUIDES / "sign-in-buttons.md")}
    assert set(shown) == {f"src/{path.name}" for path in (example / "src").iterdir()}
    assert {title: (example / title).read_text("utf-8") for title in shown} == shown


@pytest.mark.slow
def test_the_tests_of_the_page_on_testing_pass(tmp_path: Path) -> None:
    files = [block for block in blocks(GUIDES / "testing.md") if block.title.startswith("test_")]
    assert len(files) == 8
    for block in files:
        (tmp_path / block.title).write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    command += ["-p", "gatepass.testing.plugin"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


class TestRendering:
    """The page's three programs, with its template: the same visitor at each."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for block in blocks(GUIDES / "rendering.md"):
            file = tmp_path / block.title
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    @pytest.mark.parametrize("name", ["fastapi", "flask", "litestar"])
    async def test_a_page_is_rendered_for_its_person_and_for_nobody_else(self, folder: Path, name: str) -> None:
        at = GateHarness(pages=Pages(sign_in_page="/sign-in"))
        made = program("rendering", f"{name}_app.py").create_app(at.gate)
        async with started(over_asgi(made, at.gate) if name == "flask" else made) as app:
            ann = Visitor(app, mount="/auth")
            account = (await ann.register()).json()["account"]["id"]
            ann.mount = ""
            page = await ann.navigate("/board")
            assert f"<h1>Notes of {account}</h1>" in page.body.decode()
            assert page.one("cache-control") == "private, no-store"
            assert f"Hello {account}" in (await ann.navigate("/")).body.decode()
            at.clock.advance(1000)
            assert (await ann.navigate("/board")).one("location") == "/auth/resume?next=/board"
            stranger = Visitor(app)
            assert (await stranger.navigate("/board")).one("location") == "/sign-in?next=/board"
            assert "Hello stranger" in (await stranger.navigate("/")).body.decode()


def test_a_device_is_tested_as_its_page_says() -> None:
    device = program("device-bound-sessions", "test_device.py")
    app = FastAPI(lifespan=device.gate.lifespan)
    app.mount("/auth", device.gate.asgi)
    with serving(app) as client:
        device.test_a_copy_of_the_cookies_is_worthless_without_the_device(client)
