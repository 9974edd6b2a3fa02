"""A network that fails on demand: a TCP proxy on loopback in front of any server.

It holds replies back, resets all connections, or drops them silently, as a firewall does: they stay open, and nothing
passes.
"""

import asyncio
import contextlib

from tools.services.patience import patience


class FaultyNetwork:
    """A proxy for one server. Call `open` first; clients connect to `port`."""

    def __init__(self) -> None:
        self.port = 0
        self._target = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._held = asyncio.Event()
        self._age = 0
        """Connections of an earlier age are dropped silently."""
        self._flows.set()

    async def open(self, target: int) -> None:
        """Accept connections for the server at the port `target`."""
        self._target = target
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def lead_to(self, target: int) -> None:
        """Lead new connections to the server at another port; those that are open stay where they are."""
        self._target = target

    def hold_replies(self) -> None:
        """Hold back all that the server sends from now on."""
        self._held.clear()
        self._flows.clear()

    async def until_a_reply_is_held(self) -> None:
        """Return once the server has replied and the reply is held back."""
        async with patience():
            await self._held.wait()

    def resume(self) -> None:
        """Forward all replies again. A held one arrives, unless its connection was reset."""
        self._flows.set()

    def reset_all(self) -> None:
        """Reset all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    def drop_silently(self) -> None:
        """Discard all that is sent on the present connections. New ones work."""
        self._age += 1

    async def close(self) -> None:
        """Stop the proxy and reset all connections."""
        self._flows.set()
        if self._server is not None:
            self._server.close()
        self.reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        for flow in (self._pump(reader, back, is_reply=False), self._pump(there, writer, is_reply=True)):
            task = asyncio.create_task(flow)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool) -> None:
        age = self._age
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if is_reply and not self._flows.is_set():
                    self._held.set()
                    await self._flows.wait()
                if age == self._age:
                    writer.write(data)
                    await writer.drain()
        self._writers.discard(writer)
        writer.close()
