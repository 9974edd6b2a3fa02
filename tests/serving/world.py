"""A server of ours with an application that a test looks into."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import uvicorn
from uvicorn.server import ServerState

from gatepass.serving.admission import Admission
from gatepass.serving.http_protocol import HttpProtocol
from gatepass.wire.asgi import Receive, Scope, Send
from tools.services.patience import patience

GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class World:
    """An application that answers with the path, behind a real socket; `gate` holds back the answer to /slow."""

    port: int = 0
    state: ServerState = field(default_factory=ServerState)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The application has heard that the reader of its events is gone."""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str], bytes] = lambda path: path.encode()
    reads_body: bool = True

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.asked.append(path)
        while self.reads_body and (await receive()).get("more_body"):
            pass
        if path == "/slow":
            await self.gate.wait()
        if path == "/events":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"event", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return
        body = self.answer(path)
        head = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def say(self, *pieces: bytes, then: Callable[[], Awaitable[object]] | None = None) -> bytes:
        """All that comes back until the connection is closed. `then` runs after the pieces."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if then is not None:
                await then()
            async with patience():
                return await reader.read()
        finally:
            writer.close()

    async def until_asked(self, count: int) -> None:
        async with patience():
            while len(self.asked) < count:
                await asyncio.sleep(0)

    def connection(self) -> HttpProtocol:
        (only,) = self.state.connections
        assert isinstance(only, HttpProtocol)
        return only


@contextlib.asynccontextmanager
async def serving(admission: Admission | None = None, *, server_host: str = "127.0.0.1") -> AsyncIterator[World]:
    world = World()
    protocol = type("Protocol", (HttpProtocol,), {"admission": admission or Admission(1000)})
    config = uvicorn.Config(
        world.app, interface="asgi3", http=protocol, ws="none", lifespan="off", log_config=None, proxy_headers=False
    )
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, world.state, {}, loop), server_host, 0)
    world.port = server.sockets[0].getsockname()[1]
    try:
        yield world
    finally:
        world.gate.set()
        server.close()
        for connection in list(world.state.connections):
            connection.transport.abort()


def paths(raw: bytes) -> list[str]:
    """The bodies of the answers that are paths, in order."""
    return [part.partition(b"HTTP/1.1")[0].decode() for part in raw.split(b"\r\n\r\n")[1:]]


def problem(raw: bytes) -> dict[str, object]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document: dict[str, object] = json.loads(body)
    return document
