"""Listening sockets: on an address and port, or on a Unix socket for a proxy on this machine."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from gatepass.errors import ConfigurationError

BACKLOG = 2048
UNIX_MODE = 0o660
"""Who may connect to a Unix socket may say which address a client has, so not everybody on the machine."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError, which names the port, if it cannot listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is given because asyncio disables Nagle's algorithm only for sockets whose protocol is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as fault:
        listener.close()
        why = str(fault.strerror).partition(" (while")[0]
        raise ConfigurationError(f"Cannot listen on {host}:{port} ({why}). Choose another: --port {port + 1}") from None
    return listener


@contextlib.contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket of mode 660, removed at the end; one that a dead process has left is replaced.

    Raises ConfigurationError if it cannot listen there.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigurationError("--uds needs a system with Unix sockets. Use --host and --port.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            _remove_stale(path)
            mask = os.umask(0o777 & ~UNIX_MODE)  # a chmod afterwards would leave it open for a moment
            try:
                listener.bind(str(path))
            finally:
                os.umask(mask)
            listener.listen(BACKLOG)
            identity = os.stat(path).st_ino
        except OSError as fault:
            raise ConfigurationError(f"Cannot listen on {path} ({fault.strerror or fault}).") from None
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                if os.stat(path).st_ino == identity:
                    os.unlink(path)


def _remove_stale(path: Path) -> None:
    """Remove a socket on which no process listens. Raises ConfigurationError if one does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return  # not ours to remove: bind says so
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ConfigurationError(f"Cannot listen on {path}: another process listens there.")
