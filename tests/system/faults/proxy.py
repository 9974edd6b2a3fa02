"""A TCP proxy between a server and its store that breaks connections at an exact byte.

`cut(after, direction)` lets that many more bytes pass in a direction, on any connection, and then resets that
connection on both sides; the rest of what was under way is lost. The server cannot know whether the store received,
executed or answered it. Swept over N, the cut happens at every step of the conversation.

    isolate()    a host that is gone: all connections are reset, and new ones are refused
    stall()      a path that takes no more bytes: connections stay open, also new ones, and nothing passes
    abandon()    half-open connections, as behind a firewall that has forgotten them: new ones work
    heal()       new connections work, and those that were stalled go on
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Literal

Direction = Literal["to the store", "from the store"]
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with zero seconds: closing sends RST and drops what was not read."""

BUFFER = 8_192
"""Bytes that a path takes while it is stalled: few, so that the sender notices soon."""


class Proxy:
    """Listens on `port`, and counts the connections that it broke."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.broken = 0
        self._budget: dict[Direction, int | None] = {"to the store": None, "from the store": None}
        self._refuses = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self, after: int, direction: Direction) -> None:
        """Break the connection on which the next `after` bytes in a direction have just passed."""
        self._budget[direction] = after

    @property
    def is_due(self) -> bool:
        """Whether a cut has not happened yet."""
        return any(left is not None for left in self._budget.values())

    def isolate(self) -> None:
        """Reset all connections, and break every new one before its first byte."""
        self._refuses = True
        for task in self._tasks:
            task.cancel()

    def move(self, target: int) -> None:
        """Lead to another port from now on, also those that are connected."""
        self.target = target
        for task in self._tasks:
            task.cancel()

    def stall(self) -> None:
        """Let nothing pass, and read nothing, on any connection."""
        self._flows.clear()

    def abandon(self) -> None:
        """Let nothing pass on the connections of now, ever again, not even their end."""
        self._abandoned |= self._tasks

    def heal(self) -> None:
        """Let everything pass again, except on connections that were abandoned."""
        self._refuses = False
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to the store."""
        if self._refuses:
            _reset(writer)
            return
        try:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        pumps = {
            asyncio.create_task(self._pump(reader, upstream, "to the store")),
            asyncio.create_task(self._pump(answers, writer, "from the store")),
        }
        self._tasks |= pumps
        with contextlib.suppress(asyncio.CancelledError):  # `stop`
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for side in (writer, upstream):
            _reset(side)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._tasks -= pumps
        self._abandoned -= pumps

    async def stop(self) -> None:
        """Break all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                while not self._flows.is_set() or asyncio.current_task() in self._abandoned:
                    await (self._flows.wait() if not self._flows.is_set() else asyncio.sleep(3_600))
                left = self._budget[direction]
                if left is not None and left <= len(data):
                    self._budget[direction] = None
                    self.broken += 1
                    writer.write(data[:left])
                    await writer.drain()
                    return
                if left is not None:
                    self._budget[direction] = left - len(data)
                writer.write(data)
                await writer.drain()


@contextlib.asynccontextmanager
async def proxying(target: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a loopback port."""
    proxy = Proxy(target)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    listener.bind(("127.0.0.1", 0))
    proxy.port = listener.getsockname()[1]
    server = await asyncio.start_server(proxy.serve, sock=listener, limit=BUFFER)
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
