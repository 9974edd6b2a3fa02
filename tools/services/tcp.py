"""A network that can be made to misbehave: a TCP proxy on loopback before any server.

It holds back answers, cuts all connections, or forgets them as a firewall does: they stand, and nothing comes through.
"""

import asyncio
import contextlib

from tests.support.patience import patience


class Gate:
    """A proxy for one server; `open` first. Clients connect to `port`."""

    def __init__(self) -> None:
        self.port = 0
        self._target = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._held = asyncio.Event()
        self._age = 0
        """Connections of an earlier age are forgotten."""
        self._flows.set()

    async def open(self, target: int) -> None:
        """Take connections for the server at this port."""
        self._target = target
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hold_answers(self) -> None:
        """From now on nothing comes back from the server."""
        self._held.clear()
        self._flows.clear()

    async def something_was_held(self) -> None:
        """The server has answered, and nobody has seen it."""
        async with patience():
            await self._held.wait()

    def let_through(self) -> None:
        """What comes from now on flows again; what was held is lost with its connection or arrives."""
        self._flows.set()

    def cut(self) -> None:
        """End all connections, as a reset."""
        for writer in list(self._writers):
            writer.transport.abort()

    def forget_all(self) -> None:
        """Swallow whatever is sent on the connections that there are; new ones work."""
        self._age += 1

    async def close(self) -> None:
        """End everything."""
        self._flows.set()
        if self._server is not None:
            self._server.close()
        self.cut()
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
        for flow in (self._pump(reader, back, is_answer=False), self._pump(there, writer, is_answer=True)):
            task = asyncio.create_task(flow)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        age = self._age
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if is_answer and not self._flows.is_set():
                    self._held.set()
                    await self._flows.wait()
                if age == self._age:
                    writer.write(data)
                    await writer.drain()
        self._writers.discard(writer)
        writer.close()
