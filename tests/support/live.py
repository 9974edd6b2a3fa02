"""A WebSocket that stays open at an ASGI application, step by step; no server, no time."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from gatepass.wire.asgi import ASGIApp, Message
from tests.support.asgi import HeaderPairs
from tests.support.websocket import websocket_scope
from tools.services.patience import becomes, patience


class Socket:
    """The client's end: `say`, `tell`, `hear`; `sent` is all that the application or the guard has sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self._in: asyncio.Queue[Message] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        self._out: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._in.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self._out.put_nowait(message)

    def say(self, text: str) -> None:
        """A message of the application."""
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def show(self, token: str) -> None:
        """A message for the guard."""
        self.say(json.dumps({"type": "gatepass", "access_token": token}))

    def leave(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001, "reason": ""})

    async def hear(self) -> Message:
        """The next message that was sent, of any mailer."""
        async with patience():
            return await self._out.get()

    async def hear_json(self) -> Any:
        return json.loads((await self.hear())["text"])

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close, once it is there."""
        await becomes(lambda: any(each["type"] == "websocket.close" for each in self.sent), "the close")
        (found,) = [each for each in self.sent if each["type"] == "websocket.close"]
        return found["code"], found["reason"]


@contextlib.asynccontextmanager
async def opened(
    app: ASGIApp,
    path: str = "/ws",
    *,
    headers: HeaderPairs = (),
    subprotocols: Sequence[str] = (),
    extensions: Sequence[str] = (),
) -> AsyncIterator[Socket]:
    """A handshake at the application, which runs beside the block and is waited for after it."""
    socket = Socket()
    scope = websocket_scope(path, headers=headers, subprotocols=subprotocols, extensions=extensions)
    running = asyncio.ensure_future(app(scope, socket.receive, socket.send))
    try:
        yield socket
    finally:
        socket.leave()
        async with patience():
            await running
