"""How much flows through a connection, in each direction: a client that reads slowly, or sends more than is taken."""

import asyncio

LINGER_TIMEOUT = 5.0
"""Seconds in which the rest of a request that has its response already is thrown away. A socket that is closed with
bytes unread resets the connection, and its client, or a proxy, may lose the response (RFC 9112 §9.6)."""


class Flow(asyncio.Protocol):
    """The bytes of one connection. `writable` is set while the client takes what is written."""

    transport: asyncio.Transport
    """Set when the connection is made."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._is_reading = True
        self._written = 0
        self._taken = -1  # so that the first look begins the time
        self._taken_at = 0.0

    def pause_writing(self) -> None:
        """Called when the client is slow to take what was written."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """Called when it has taken most of that."""
        self.writable.set()

    def pause_reading(self) -> None:
        """Let the client wait with what it sends."""
        if self._is_reading:
            self._is_reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, if reading was paused."""
        if not self._is_reading:
            self._is_reading = True
            self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send. Of one iteration of the loop uvloop sends all in one system call for each connection, at its end."""
        self._written += len(data)
        self.transport.write(data)

    def has_stalled(self, *, now: float, timeout: float) -> bool:
        """Whether bytes wait and the client has taken none for `timeout` seconds. Call it regularly."""
        waiting = self.transport.get_write_buffer_size()
        taken = self._written - waiting
        if not waiting or taken != self._taken:
            self._taken, self._taken_at = taken, now
            return False
        return now - self._taken_at >= timeout

    def end(self, *, lingers: bool) -> None:
        """Close after what was written; with `lingers` when the client has closed, or after LINGER_TIMEOUT."""
        if not lingers or self.transport.is_closing() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_TIMEOUT, self.transport.close)
