"""One websocket at an ASGI application: what the server is told, from the handshake on."""

import asyncio
from typing import Any

from gatepass.wire.asgi import ASGIApp, Message
from tests.support.asgi import CLIENT, HeaderPairs


async def connect(app: ASGIApp, path: str, *, headers: HeaderPairs = ()) -> list[Message]:
    """Ask for a handshake, say nothing, and return every message that the application sent."""
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers],
        "client": CLIENT,
        "server": ("gate.example", 443),
        "subprotocols": [],
    }
    inbox: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    sent: list[Message] = []

    async def receive() -> Message:
        if inbox:
            return inbox.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
