"""The stream of revocations arrives while it is written, whatever stands between: proxies hold back what they may."""

import asyncio
from typing import Any

from gatepass.core.keyring import Secrets
from tests.support.gates import SECRET, GateHarness, open_gate


async def head_of_stream(at: GateHarness) -> dict[bytes, bytes]:
    """The headers of the answer, whose reader then leaves."""
    started: asyncio.Future[dict[bytes, bytes]] = asyncio.get_running_loop().create_future()
    headers = [(b"authorization", f"Bearer {SECRET}".encode()), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": "/revocations", "headers": headers}

    async def receive() -> dict[str, Any]:
        await started
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.set_result(dict(message["headers"]))

    await at.gate.asgi(scope, receive, send)
    return await started


async def test_no_proxy_collects_or_compresses_it() -> None:
    async with open_gate(secrets=Secrets([SECRET], feed=[SECRET])) as at:
        head = await head_of_stream(at)
        assert head[b"x-accel-buffering"] == b"no"
        assert head[b"cache-control"] == b"no-store, no-transform"
