"""Ports for servers that tests kill and start again on the same one.

The ports are below those that the system assigns to connections. A port of those could be assigned to another program
while the server is down; worse, a client that asks whether the server is back may be assigned the very port it asks
for, and connects to itself.

Test processes that run at the same time lock one file for each port; the lock ends with the process. It is needed
because a port whose server is down at the moment looks free, but is not.
"""

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path

_FIRST, _COUNT = 12_000, 20_000
_STRIDE = 131
"""Distance of the first ports of two consecutive processes: most find a free port at once."""
_tried = itertools.count()
_held: list[int] = []
"""The open files whose locks this process holds until it ends."""


def free_port() -> int:
    """A loopback port that no server uses now, and that no running test process has handed out."""
    for number in itertools.islice(_tried, _COUNT):
        port = _FIRST + (os.getpid() * _STRIDE + number) % _COUNT
        if _is_free(port) and _is_ours(port):
            return port
    raise RuntimeError(f"no free port among {_COUNT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that a server has left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_ours(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"gatepass-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True
