"""`gatepass doctor --url` at servers that take a field behind a chunked body for a header, and at those that do not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from gatepass.doctor.cookies import check_cookie_path
from gatepass.doctor.trailers import check_trailers
from gatepass.settings import Settings
from gatepass.testing import memory_gate
from tools.services.patience import becomes


@asynccontextmanager
async def served(http: Any) -> AsyncIterator[str]:
    """The URL of an application behind uvicorn, with one of its two readers of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://localhost:{listener.getsockname()[1]}"
        gate = memory_gate(public_url=url)
        app = Starlette(routes=[Mount("/auth", gate.asgi)], lifespan=gate.lifespan)
        server = uvicorn.Server(uvicorn.Config(app, http=http, log_level="warning"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await becomes(lambda: server.started, "the start")
        try:
            yield url
        finally:
            server.should_exit = True
            await running


@pytest.mark.parametrize(("http", "level"), [("httptools", "error"), ("h11", "ok")])
async def test_a_server_that_makes_headers_of_them_is_a_fault(http: str, level: str) -> None:
    async with served(http) as url:
        finding = await asyncio.to_thread(check_trailers, url, "/auth")
    assert (finding.check, finding.level) == ("trailers", level)
    assert ("--http h11" in finding.fix) == (level == "error")


@pytest.mark.parametrize(("status", "level"), [(411, "ok"), (204, "advice")])
async def test_where_they_cannot_be_tried_it_is_said(status: int, level: str) -> None:
    """A server that takes no chunks, and a proxy that adds the header to every request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"HTTP/1.1 %d Some\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        finding = await asyncio.to_thread(check_trailers, f"http://127.0.0.1:{port}", "/auth")
    assert (finding.level, f"status {status}" in finding.message) == (level, True)


@pytest.mark.parametrize(
    ("path", "mount", "level"),
    [
        ("/", "/auth", "ok"),
        ("/auth", "/auth", "ok"),
        ("/api/", "/api/auth", "ok"),
        ("/auth/x", "/auth", "error"),
        ("/au", "/auth", "error"),
    ],
)
def test_the_path_of_the_cookie_is_at_or_above_the_endpoints(
    monkeypatch: pytest.MonkeyPatch, path: str, mount: str, level: str
) -> None:
    monkeypatch.setenv("GATEPASS_COOKIE_PATH", path)
    assert check_cookie_path(Settings.load(public_url="https://gate.example"), mount).level == level
