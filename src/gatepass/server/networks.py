"""The network of each request, for limits and for lists of sessions; a network that cannot be told is reported once.

Usually that is a proxy which the settings do not name. Nothing breaks then, since an unknown network is counted
nowhere, but no limit per network holds: the operator must hear of it, and what to set.
"""

from collections.abc import Callable

from gatepass.core.event import Event, NetworkUnknown
from gatepass.ports import Clock
from gatepass.server.http import Request
from gatepass.wire.address import Proxies, Unknown, Why

FIXES: dict[Why, str] = {
    "private-address": (
        "Requests come from a loopback or private address: a proxy, or an intranet. For a proxy, set "
        "GATEPASS_TRUSTED_PROXIES to its address and let it set X-Forwarded-For; for an intranet, set "
        "GATEPASS_PRIVATE_CLIENTS=true."
    ),
    "unix-socket": (
        "Requests come over a Unix socket: set GATEPASS_TRUSTED_PROXIES=unix, and let the proxy set X-Forwarded-For."
    ),
    "not-forwarded": (
        "A trusted proxy names no client: let it set X-Forwarded-For, "
        "and list in GATEPASS_TRUSTED_PROXIES the addresses of proxies alone."
    ),
    "not-an-address": "The peer, or the client that a trusted proxy names, is not an IP address.",
}


class ClientNetworks:
    """`quiet` is for development on a loopback host, where every request comes from this machine."""

    def __init__(self, proxies: Proxies, *, clock: Clock, report: Callable[[Event], None], quiet: bool = False) -> None:
        self.proxies = proxies
        self._clock = clock
        self._report = report
        self._quiet = quiet
        self._reported: set[Why] = set()

    def of(self, request: Request) -> str | None:
        """The /24 or /48 that a request comes from. None if it is unknown: it must not be counted anywhere."""
        found = self.proxies.network_of(request.peer, request.headers)
        if isinstance(found, str):
            return found
        self._tell(found)
        return None

    def _tell(self, unknown: Unknown) -> None:
        if self._quiet or unknown.why in self._reported:
            return
        self._reported.add(unknown.why)
        self._report(NetworkUnknown(at=self._clock.now(), why=unknown.why, fix=FIXES[unknown.why]))
