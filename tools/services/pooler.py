"""A pooler in transaction mode, as strict as PgBouncer 1.18: every transaction goes to another server connection.

So all that a client has left in "its" connection is gone: prepared statements, settings, listeners. At connect it
accepts a user, a database, an encoding and an application name, and refuses any other setting.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

KNOWN = {"user", "database", "client_encoding", "application_name"}
SSL_REQUEST = 80_877_103
PROTOCOL = 196_608
SYNC, QUERY, TERMINATE, READY = b"S", b"Q", b"X", b"Z"


@dataclass
class _Server:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes = b""
    """What it said between the authentication and its being ready: parameters and a key."""


class Pooler:
    """`async with pooler(port, size) as p:` and connect to `p.port`. The server must require no password."""

    def __init__(self, target: int, size: int) -> None:
        self.port = 0
        self._target = target
        self._size = size
        self._servers: list[_Server] = []
        self._idle: asyncio.Queue[_Server] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._startup = b""
        self._opening = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client, until it disconnects."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # `close` cancels it too, which asyncio would report as an error.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            if await self._greet(reader, writer):
                while await self._transaction(reader, writer):
                    pass
        writer.close()

    async def close(self) -> None:
        """Close all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            server.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await server.writer.wait_closed()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        startup = await _startup(reader)
        while struct.unpack("!I", startup[4:8])[0] == SSL_REQUEST:
            writer.write(b"N")
            startup = await _startup(reader)
        if struct.unpack("!I", startup[4:8])[0] != PROTOCOL:
            return False  # a request to cancel a statement
        words = startup[8:].rstrip(b"\0").split(b"\0")
        if unknown := {word.decode() for word in words[::2]} - KNOWN:
            text = f"SFATAL\0C08P01\0Munsupported startup parameter: {min(unknown)}\0\0".encode()
            writer.write(b"E" + struct.pack("!I", len(text) + 4) + text)
            return False
        async with self._opening:
            if not self._startup:
                self._startup = startup
                for _ in range(self._size):
                    self._idle.put_nowait(await self._dial())
        server = await self._idle.get()
        self._idle.put_nowait(server)
        writer.write(server.greeting + READY + struct.pack("!I", 5) + b"I")
        return True

    async def _dial(self) -> _Server:
        server = _Server(*await asyncio.open_connection("127.0.0.1", self._target))
        self._servers.append(server)
        server.writer.write(self._startup)
        kind = b""
        while kind != READY:
            kind, message = await _message(server.reader)
            server.greeting += b"" if kind == READY else message
        return server

    async def _transaction(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Forward all messages until the server is idle again, on the connection that has been idle for longest."""
        kind, message = await _message(reader)
        if kind == TERMINATE:
            return False
        server = await self._idle.get()
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        passing = asyncio.create_task(_pass_on(server, writer, answers))
        self._tasks.add(passing)
        passing.add_done_callback(self._tasks.discard)
        state = b"T"
        while state != b"I":
            server.writer.write(message)
            if kind in (SYNC, QUERY):
                state = await answers.get()
            if state != b"I":
                kind, message = await _message(reader)
        await passing
        self._idle.put_nowait(server)
        return True


async def _pass_on(server: _Server, writer: asyncio.StreamWriter, answers: asyncio.Queue[bytes]) -> None:
    """Forward the messages of the server until it is idle; put its state into `answers` each time it is ready."""
    state = b"T"
    while state != b"I":
        kind, message = await _message(server.reader)
        writer.write(message)
        if kind == READY:
            state = message[-1:]
            answers.put_nowait(state)


async def _startup(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


@contextlib.asynccontextmanager
async def pooler(target: int, *, size: int = 3) -> AsyncIterator[Pooler]:
    """A pooler in front of the server at this port, until the block ends."""
    made = Pooler(target, size)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()
