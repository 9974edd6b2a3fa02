"""Tells systemd what this process does: sd_notify(3), a datagram to a Unix socket. Nothing where no socket is named."""

import contextlib
import os
import socket
import time

VARIABLE = "NOTIFY_SOCKET"


def notify(*words: str) -> None:
    """Send lines such as READY=1. A service manager that does not listen is no fault of the server."""
    path = os.environ.get(VARIABLE, "")
    if not path or not hasattr(socket, "AF_UNIX"):
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path  # an abstract socket
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(words).encode(), address)


def ready() -> None:
    """Requests are accepted; also the end of a reload."""
    notify("READY=1")


def reloading() -> None:
    """A reload has begun. The time is that of the signal, by which systemd knows which reload this is."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    """The server drains, and then ends."""
    notify("STOPPING=1")
