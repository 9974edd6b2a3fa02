"""The stream of revocations arrives while it is written, whatever stands between: proxies hold back what they may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass.core.keyring import Secrets
from gatepass.server.http import EventStream
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


async def test_a_stream_whose_events_fail_has_no_end_and_the_server_hears_why() -> None:
    sent: list[Any] = []

    async def failing() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise LookupError

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(LookupError):
        await EventStream(200, events=failing(), receive=asyncio.Event().wait).send(send)  # type: ignore[arg-type]
    assert [message.get("more_body") for message in sent] == [None, True]


async def test_a_server_that_says_that_the_reader_left_is_no_fault() -> None:
    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    await EventStream(200, events=events(), receive=asyncio.Event().wait).send(send)  # type: ignore[arg-type]
