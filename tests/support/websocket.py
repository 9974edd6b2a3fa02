"""One websocket at an ASGI application: what the server is told, from the handshake on."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gatepass.wire.asgi import ASGIApp, Message
from tests.support.asgi import CLIENT, HeaderPairs


def websocket_scope(
    path: str, *, headers: HeaderPairs = (), subprotocols: Sequence[str] = (), extensions: Sequence[str] = ()
) -> dict[str, Any]:
    """What a server tells an application of a handshake."""
    given = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    if subprotocols:
        given.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": given,
        "client": CLIENT,
        "server": ("gate.example", 443),
        "subprotocols": list(subprotocols),
        "extensions": {name: {} for name in extensions},
        "state": {},
    }


async def connect(app: ASGIApp, path: str, *, headers: HeaderPairs = ()) -> list[Message]:
    """Ask for a handshake, say nothing, and return every message that the application sent."""
    inbox: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    sent: list[Message] = []

    async def receive() -> Message:
        if inbox:
            return inbox.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(websocket_scope(path, headers=headers), receive, send)
    return sent
