"""Bytes to a real server over a socket of one's own: what no HTTP client would send (RFC 9112).

A client library mends what it is given, so requests that are wrong on purpose are written by hand here.
"""

import re
import socket
from dataclasses import dataclass

from tools.services.patience import PATIENCE

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back on one connection, until the server closed it or had answered the probe."""

    raw: bytes
    is_closed: bool

    @property
    def statuses(self) -> list[int]:
        """The status of each answer, in order."""
        return [int(status) for status in _STATUS.findall(self.raw)]


PROBE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Probe: 1\r\n\r\n"
"""A request that ends its connection: by it one knows, without waiting for a silence, that all was answered."""


def say(port: int, raw: bytes, *, then: bytes = PROBE) -> Heard:
    """Send `raw` and after it the probe; everything until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        line.sendall(raw + then)
        got = b""
        try:
            while data := line.recv(65_536):
                got += data
        except ConnectionResetError:
            pass  # it hung up on what it had not read: that is a close too
        except TimeoutError:
            return Heard(got, is_closed=False)
    return Heard(got, is_closed=True)


def request(method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request, header lines as given and nothing added but the Host."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
