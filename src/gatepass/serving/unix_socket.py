"""A listening Unix socket, for a proxy on this machine."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from gatepass.errors import ConfigurationError

UNIX_MODE = 0o660
"""A peer on a Unix socket says which address a client has, so not every user of the machine may connect."""


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
            listener.listen(2048)
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
