"""The guard reads a WebSocket by itself: what stops that is told, unless it is only that the socket is over."""

import asyncio
import json

import pytest

from gatepass.access.live_socket import admit
from gatepass.wire.asgi import Message, Receive, Scope, Send
from tests.access.sockets import stage
from tests.support.websocket import websocket_scope


class Strict:
    """A server that refuses what comes after the close, as uvicorn does, and still hands over what the client said."""

    def __init__(self, *said: str, fault: Exception | None = None) -> None:
        self._said: list[Message] = [{"type": "websocket.connect"}]
        self._said += [{"type": "websocket.receive", "text": text} for text in said]
        self._fault = fault
        self.is_closed = False
        self.says_more = asyncio.Event()

    async def receive(self) -> Message:
        if len(self._said) == 1:
            await self.says_more.wait()
        if self._said:
            return self._said.pop(0)
        raise self._fault or EOFError

    async def send(self, message: Message) -> None:
        if self.is_closed:
            raise RuntimeError(f"Unexpected ASGI message '{message['type']}', after sending 'websocket.close'.")
        self.is_closed = message["type"] == "websocket.close"


@pytest.mark.parametrize("is_closed", [True, False])
async def test_a_token_that_comes_after_the_close_is_no_fault_and_everything_else_is(
    is_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await admit(scope)
        await receive()
        await send({"type": "websocket.accept"})
        if is_closed:
            await send({"type": "websocket.close", "code": 1000})
        server.says_more.set()
        assert (await receive())["type"] == "websocket.disconnect"

    async with stage() as on:
        token = json.dumps({"type": "gatepass", "access_token": on.ann.access_token})
        server = Strict(token, token, fault=LookupError("of the server"))
        await on.at.gate.guard(app)(websocket_scope("/ws"), server.receive, server.send)
    assert ("LookupError: of the server" in caplog.text) is not is_closed
    assert on.ann.access_token not in caplog.text
