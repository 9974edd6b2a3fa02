"""The quick way to write a response is uvicorn's own way, byte for byte, and refuses what that refuses."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gatepass.serving.cycle import Cycle

LENGTH = (b"content-length", b"2")
HEADS: dict[str, Any] = {
    "the usual one": [
        (b"content-type", b"application/json"),
        LENGTH,
        (b"set-cookie", b"a=1; Path=/"),
        (b"set-cookie", b"b"),
    ],
    "names in capitals": [(b"Content-Length", b"2"), (b"X-Frame-Options", b"DENY")],
    "no length": [(b"content-type", b"text/plain")],
    "chunked": [(b"transfer-encoding", b"chunked")],
    "the last of its connection": [LENGTH, (b"connection", b"close")],
    "no headers at all": None,
    "headers that can be read once": "once",
    "a length that is none": [(b"content-length", b"2 ")],
    "a longer length": [(b"content-length", b"3")],
    "a shorter length": [(b"content-length", b"1")],
    "two lengths": [LENGTH, (b"content-length", b"3")],
    "a tab": [LENGTH, (b"x-value", b"a\tb")],
    "bytes beyond ASCII": [LENGTH, (b"x-value", b"\xe9\xff")],
    "an empty value": [LENGTH, (b"x-value", b"")],
    "a name of digits": [LENGTH, (b"1", b"1")],
    **{
        f"{octet!r} in a value": [LENGTH, (b"x-value", b"a" + octet + b"b")]
        for octet in (b"\r\n", b"\n", b"\r", b"\0", b"\x7f")
    },
    **{f"{octet!r} in a name": [LENGTH, (b"x" + octet + b"y", b"1")] for octet in (b"\r\n", b" ", b":", b"\0", b"(")},
}


class Socket(asyncio.Transport):
    """Remembers what was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


async def answered(
    kind: type[RequestResponseCycle], headers: Any, *, method: str, keep_alive: bool
) -> tuple[object, ...]:
    """What a response does: bytes, state, and what it raises."""
    socket, told = Socket(), asyncio.Event()
    logger = logging.getLogger("test")
    cycle = kind(
        scope={"method": method, "type": "http"},  # type: ignore[arg-type, typeddict-item]
        transport=socket,
        flow=FlowControl(socket),
        logger=logger,
        access_logger=logger,
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=told,
        expect_100_continue=True,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
    start: Any = {"type": "http.response.start", "status": 200}
    if headers is not None:
        start["headers"] = iter([LENGTH]) if headers == "once" else headers
    fault = ""
    try:
        await cycle.send(start)
        await cycle.send({"type": "http.response.body", "body": b"{}", "more_body": False})
    except (RuntimeError, ValueError) as raised:
        fault = str(raised)
    state = (cycle.response_started, cycle.response_complete, cycle.chunked_encoding, cycle.waiting_for_100_continue)
    return socket.written, socket.is_closed, state, fault, told.is_set(), cycle.keep_alive


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("headers", HEADS.values(), ids=HEADS)
async def test_it_is_uvicorns_response(headers: Any, method: str, *, keep_alive: bool) -> None:
    ours, theirs = [
        await answered(kind, headers, method=method, keep_alive=keep_alive) for kind in (Cycle, RequestResponseCycle)
    ]
    assert ours == theirs


async def test_a_response_that_was_begun_is_not_begun_again() -> None:
    for kind in (Cycle, RequestResponseCycle):
        with pytest.raises(RuntimeError, match="Expected ASGI message"):
            await _begun_twice(kind)


async def _begun_twice(kind: type[RequestResponseCycle]) -> None:
    socket, logger = Socket(), logging.getLogger("test")
    start: Any = {"type": "http.response.start", "status": 200, "headers": [LENGTH]}
    cycle = kind(
        {"method": "GET"},
        socket,
        FlowControl(socket),
        logger,
        logger,
        False,
        [],
        asyncio.Event(),
        False,
        True,
        lambda: None,
    )  # type: ignore[arg-type, typeddict-item]
    await cycle.send(start)
    await cycle.send(start)
