"""Ports for servers that tests kill and start again on the same one.

They lie below those that the system gives to connections. One of those could be lent to somebody else while the server
is down; worse, a client that asks whether the server is back may be given the very port it asks for, and connects to
itself.
"""

import itertools
import os
import socket

_FIRST, _COUNT = 12_000, 20_000
_STRIDE = 131
"""Between the first ports of two processes that follow one another: runs in parallel keep out of each other's way."""
_tried = itertools.count()


def free_port() -> int:
    """A loopback port that nobody has just now, and that this process has not handed out before."""
    for number in itertools.islice(_tried, _COUNT):
        port = _FIRST + (os.getpid() * _STRIDE + number) % _COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was served and left is free
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port among {_COUNT}")
