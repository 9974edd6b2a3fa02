"""uvicorn's HTTP protocol, writing what one turn of the event loop answered at its end.

ASGI sends an answer in two messages, and uvicorn writes each to its socket at once: two system calls, two packets,
and a client that is woken by the head only to wait for the body. Here an answer is one write. And the answers of one
turn go out one after another when the work of the turn is done: the first write wakes whoever reads on this
machine (a proxy, usually), the others find him awake. Under load that is a quarter of the server's time; alone, an
answer waits for nothing.

httptools comes with the extra `server` on CPython. uvicorn is imported here and in `serving`, nowhere else.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ENOUGH = 16 * 1024
"""Bytes that wait for no more: above it a system call is nothing, and a stream must feel a slow reader."""


class GatheringTransport:
    """A transport whose writes gather until the loop turns."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with what follows."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._gathered:
            gathered = b"".join(self._gathered)
            self._gathered.clear()
            self._size = 0
            self._transport.write(gathered)

    def close(self) -> None:
        """Write what has gathered, then close."""
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather what is written from here on."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
