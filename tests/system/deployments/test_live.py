"""WebSockets and streams through real servers: uvicorn, twice on one store, and nginx in front of one of them."""

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.gates import SECRET
from tests.support.process import environment, until_listening
from tests.system.deployments.nginx import Nginx, configuration, nginx
from tools.services.patience import PATIENCE, patience, until
from tools.services.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
NATIVE = {"Gatepass-Client": "1"}
ORIGIN = "https://example.com"
SIGN_UP = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
SETTINGS = {"SECRET": SECRET, "PUBLIC_URL": ORIGIN, "STORE": "sqlite:///gate.db"}
APPLICATION = "tests.system.deployments.live_application:app"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[dict[int, Path]]:
    """Two processes of one application on one store, by their ports; each with one of uvicorn's ways to speak it.

    The values are their logs.
    """
    logs: dict[int, Path] = {}
    with contextlib.ExitStack() as stack:
        for spoken in ("websockets-sansio", "wsproto"):
            port = free_port()
            logs[port] = folder / f"{spoken}.log"
            command = [sys.executable, "-m", "uvicorn", APPLICATION, "--port", str(port), "--ws", spoken]
            variables = environment(**SETTINGS)
            variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
            log = stack.enter_context(logs[port].open("wb"))
            process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            until_listening(process, port)
        yield logs


@pytest.fixture(scope="module")
def proxy(folder: Path, servers: dict[int, Path]) -> Iterator[Nginx]:
    """nginx with the files of `deploy/nginx`, in front of the first process."""
    port = next(iter(servers))
    site = f"upstream application {{ server 127.0.0.1:{port}; }}\n" + configuration("gatepass.conf")
    cut = site.index("    location = /readyz")
    site = site[:cut] + configuration("live.conf") + "\n" + site[cut:]
    with nginx(folder, site, upstreams={"unix:/run/gatepass/gate.sock": f"127.0.0.1:{port}"}) as made:
        yield made


class Ann:
    """Signed in at one process."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/auth"
        self._post("/register", json=SIGN_UP)  # 409 for the second of them
        granted = self._post("/login", json=SIGN_UP).json()
        self.token, self.sid = granted["access_token"], granted["session_id"]
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def sign_out(self) -> None:
        assert self._post("/logout", headers=self.bearer).status_code == 204

    def _post(self, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
        return httpx2.post(f"{self._base}{path}", headers={**NATIVE, **(headers or {})}, timeout=PATIENCE, **more)


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> Any:
    async with connect(url, origin=ORIGIN, open_timeout=None, close_timeout=None, proxy=None, **options) as socket:  # type: ignore[arg-type]
        yield socket


async def show(socket: ClientConnection, token: str) -> Any:
    await socket.send(json.dumps({"type": "gatepass", "access_token": token}))
    return json.loads(await socket.recv())


async def code_of(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        async with patience():
            while True:
                await socket.recv()
    return closed.value.rcvd.code if closed.value.rcvd else None


async def test_a_sign_out_at_one_process_closes_every_socket_and_stream_at_the_others(
    servers: dict[int, Path], proxy: Nginx
) -> None:
    first, second = servers
    ann = await asyncio.to_thread(Ann, first)
    trusted = ssl.create_default_context(cafile=str(proxy.folder / "localhost.pem"))
    by_nginx = f"wss://localhost:{proxy.port}/live/chat"
    async with (
        opened(f"ws://127.0.0.1:{first}/live/chat") as by_message,
        opened(f"ws://127.0.0.1:{second}/live/chat", subprotocols=["gatepass", ann.token]) as by_protocol,
        opened(by_nginx, ssl=trusted) as behind,
        opened(by_nginx, ssl=trusted, additional_headers=ann.bearer) as with_header,
        httpx2.AsyncClient(timeout=None) as client,
        client.stream("GET", f"http://127.0.0.1:{second}/live/feed", headers=ann.bearer) as stream,
    ):
        sockets = [by_message, by_protocol, behind, with_header]
        assert (await show(by_message, ann.token))["session_id"] == ann.sid
        assert (await show(behind, ann.token))["session_id"] == ann.sid
        assert by_protocol.subprotocol == "gatepass"
        events = stream.aiter_lines()
        assert await anext(events) == f"data: {ann.sid}"
        for socket in sockets:
            await socket.send("hello")
            assert await socket.recv() == f"{ann.sid} hello"
        await asyncio.to_thread(ann.sign_out)
        assert [await code_of(socket) for socket in sockets] == [4403] * 4
        async with patience():
            assert [line async for line in events if line] == []
    async with opened(f"ws://127.0.0.1:{second}/live/chat", subprotocols=["gatepass", ann.token]) as late:
        assert await code_of(late) == 4403


async def test_refusals_reach_the_client_as_they_are_documented(servers: dict[int, Path]) -> None:
    for port in servers:
        async with opened(f"ws://127.0.0.1:{port}/live/chat") as socket:
            await socket.send(json.dumps({"type": "gatepass", "access_token": "x"}))
            assert await code_of(socket) == 4401
        with pytest.raises(InvalidStatus) as refused:
            async with opened(f"ws://127.0.0.1:{port}/live/chat", additional_headers={"Authorization": "Bearer x"}):
                pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body or b"")["code"] == "invalid-token"
        with pytest.raises(InvalidStatus) as foreign:
            async with connect(f"ws://127.0.0.1:{port}/live/chat", origin="https://evil.example", proxy=None):  # type: ignore[arg-type]
                pass
        assert foreign.value.response.status_code == 403
    assert [line for log in servers.values() for line in log.read_text().splitlines() if "ERROR" in line] == []


async def test_no_token_is_in_a_log_of_uvicorn_or_nginx(servers: dict[int, Path], proxy: Nginx, folder: Path) -> None:
    first = next(iter(servers))
    ann = await asyncio.to_thread(Ann, first)
    trusted = ssl.create_default_context(cafile=str(proxy.folder / "localhost.pem"))
    url = f"wss://localhost:{proxy.port}/live/chat"
    for options in ({}, {"subprotocols": ["gatepass", ann.token]}, {"additional_headers": ann.bearer}):
        async with opened(url, ssl=trusted, **options) as socket:
            if not options:
                await show(socket, ann.token)
            await socket.send("x")
            await socket.recv()
    log = folder / "access.log"
    until(lambda: log.read_text().count("/live/chat") >= 3, "the lines of nginx")
    until(lambda: servers[first].read_text().count("/live/chat") >= 3, "the lines of uvicorn")
    signature = ann.token.rpartition(".")[2]
    for written in (
        log.read_text(),
        (folder / "error.log").read_text(),
        *(each.read_text() for each in servers.values()),
    ):
        assert ann.token not in written
        assert signature not in written
