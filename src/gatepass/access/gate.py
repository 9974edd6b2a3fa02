"""The parts of a gate that guards use: of a Gatepass, or of a RemoteGate, which has no auth endpoints."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from gatepass.access.check import Check
from gatepass.access.live import LiveConnections
from gatepass.wire.asgi import ASGIApp
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import Origins
from gatepass.wire.wsgi import WSGIApp


class Gate(Protocol):
    """A gate as the guard of a framework sees it."""

    @property
    def check(self) -> Check:
        """The check of access tokens that all guards of the gate share."""
        ...

    @property
    def live(self) -> LiveConnections:
        """The WebSockets and long responses of this process, which end with their sessions."""
        ...

    @property
    def cookies(self) -> Cookies:
        """The names and attributes of the gate's cookies."""
        ...

    @property
    def origins(self) -> Origins | None:
        """The origins that may call the gate's endpoints; None if it has none."""
        ...

    @property
    def asgi(self) -> ASGIApp | None:
        """The auth endpoints for ASGI; None if the gate has none."""
        ...

    @property
    def wsgi(self) -> WSGIApp | None:
        """The auth endpoints for WSGI; None if the gate has none."""
        ...

    def running(self) -> AbstractAsyncContextManager[object]:
        """The gate is open while the context is entered."""
        ...

    def wait_until_open(self) -> None:
        """Open the gate for WSGI. Returns once it is open, or after a bounded time."""
        ...
