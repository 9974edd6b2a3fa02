"""The connections of a client, of each process its own.

A child that is forked has the sockets of its parent. If both sent on one, each would get answers to the other one's
requests: with what another user may see, or with that user's tokens.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from gatepass.client.http import httpx
from gatepass.per_process import PerProcess


class TransportPerProcess(httpx.BaseTransport):
    """A transport that is made anew in each process; the first one now, so that a wrong option is an error now."""

    def __init__(self, make: Callable[[], httpx.BaseTransport]) -> None:
        self._transports = PerProcess(make)
        _ = self._transports.here

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection of this process."""
        return self._transports.here.handle_request(request)

    def close(self) -> None:
        """Close the connections of this process."""
        self._transports.here.close()

    def __enter__(self) -> Self:
        self._transports.here.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._transports.here.__exit__(kind, error, trace)
