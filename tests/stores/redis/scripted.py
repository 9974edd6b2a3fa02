"""A server that answers what a test says, command by command, in the protocol of Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.url import parse_url

Answer = Callable[[list[bytes]], bytes | None]
"""The reply to a command; None closes the connection."""


class Scripted:
    """A server on loopback that records every command, and how many came in one read."""

    def __init__(self, answer: Answer) -> None:
        self.commands: list[list[bytes]] = []
        self.batches: list[int] = []
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(OSError):
            rest = b""
            while data := await reader.read(1 << 20):
                commands, rest = _parsed(rest + data)
                own = [command for command in commands if command[0] != b"CLIENT"]
                self.commands += own
                self.batches += [len(own)] if own else []
                for command in commands:
                    said = b"+OK\r\n" if command[0] == b"CLIENT" else self._answer(command)
                    if said is None:
                        writer.transport.abort()
                        return
                    writer.write(said)
        writer.close()

    def end(self) -> None:
        """Reset all connections."""
        for writer in self.writers:
            writer.transport.abort()

    def named(self, name: bytes) -> list[list[bytes]]:
        """The commands received with this name."""
        return [command for command in self.commands if command[0] == name]


def _parsed(data: bytes) -> tuple[list[list[bytes]], bytes]:
    """The complete commands, and the rest of the data."""
    commands: list[list[bytes]] = []
    while data:
        head, _, rest = data.partition(b"\r\n")
        parts: list[bytes] = []
        for _ in range(int(head[1:])):
            length, _, rest = rest.partition(b"\r\n")
            if len(rest) < int(length[1:] or b"0") + 2:
                return commands, data
            parts.append(rest[: int(length[1:])])
            rest = rest[int(length[1:]) + 2 :]
        commands.append(parts)
        data = rest
    return commands, b""


@contextlib.asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[Scripted, Cluster]]:
    """A scripted server, and a cluster that is connected to it."""
    server = Scripted(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    cluster = Cluster(parse_url(f"redis://127.0.0.1:{server.port}"))
    await cluster.open()
    try:
        yield server, cluster
    finally:
        await cluster.close()
        listener.close()
        server.end()


def echo(command: list[bytes]) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(command[-1]), command[-1])


def numbered(count: int) -> Sequence[Call]:
    return [Call.of(b"GET", b"%d" % number) for number in range(count)]
