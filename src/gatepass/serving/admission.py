"""Which connections of a process are served: at most `limits.connections`, and of one network only a share.

A connection beyond that gets one answer, 503, and is closed. Those that were there before are served on, so that a
flood of connections does not end the sessions of the clients that it finds.
"""

from collections import Counter
from dataclasses import dataclass, field

from gatepass.wire.address import Proxies
from gatepass.wire.headers import Headers

NETWORK_SHARE = 8
"""One network has at most an eighth of the connections, if it is known: behind a proxy it is not."""
MAX_REFUSED = 50
"""Connections that wait for their 503. Beyond that they are closed unheard: each is an open file."""
_NO_HEADERS = Headers(())


@dataclass(slots=True)
class Admission:
    """The connections of one process, by network."""

    connections: int
    proxies: Proxies = field(default_factory=Proxies)
    open: int = 0
    by_network: Counter[str] = field(default_factory=Counter)
    is_draining: bool = False
    """The process stops: each response is the last one of its connection."""

    def enter(self, peer: str | None) -> tuple[str | None, int]:
        """Count a connection. Its network (None: unknown), and by how many it is beyond the bounds (0: within)."""
        found = self.proxies.network_of(peer, _NO_HEADERS)
        network = found if isinstance(found, str) else None
        self.open += 1
        excess = self.open - self.connections
        if network is not None:
            self.by_network[network] += 1
            excess = max(excess, self.by_network[network] - max(1, self.connections // NETWORK_SHARE))
        return network, max(0, excess)

    def leave(self, network: str | None) -> None:
        """A connection has ended."""
        self.open -= 1
        if network is not None:
            self.by_network[network] -= 1
            if not self.by_network[network]:
                del self.by_network[network]
