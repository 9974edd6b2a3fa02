"""Socket activation: a service manager has opened the listening socket, and keeps it open while the server restarts.

The variables are those of sd_listen_fds(3): LISTEN_PID, so that no child takes them for its own, and LISTEN_FDS, the
number of descriptors from 3 on.
"""

import os

from gatepass.errors import ConfigurationError

FIRST = 3


def activated_socket() -> int | None:
    """The descriptor of the socket that was opened for this process, once; None if there is none.

    Raises ConfigurationError if there are several.
    """
    process, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdigit() or count == "0":
        return None
    if count != "1":
        raise ConfigurationError(f"The service manager opened {count} sockets: give the unit one ListenStream.")
    return FIRST
