"""The network of each request, for limits and for lists of sessions; a network that cannot be told is reported once.

Usually that is a proxy which the settings do not name. Nothing breaks then, since an unknown network is counted
nowhere, but no limit per network holds: the operator must hear of it, and what to set.
"""

import functools
from collections.abc import Callable

from gatepass.core.event import Event, NetworkUnknown
from gatepass.errors import Forbidden
from gatepass.ports import Clock
from gatepass.problem_codes import ProblemCode
from gatepass.server.http import Request
from gatepass.wire.address import Proxies, Unknown, Why
from gatepass.wire.headers import Headers

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


MAX_REMEMBERED = 4096
MAX_REMEMBERED_LENGTH = 256
"""Characters of the header of a request whose network is remembered: callers choose it, so memory must be bounded."""


class ClientNetworks:
    """`quiet` is for development on a loopback host, where every request comes from this machine."""

    def __init__(self, proxies: Proxies, *, clock: Clock, report: Callable[[Event], None], quiet: bool = False) -> None:
        self.proxies = proxies
        self._clock = clock
        self._report = report
        self._quiet = quiet
        self._reported: set[Why] = set()
        self._remembered = functools.lru_cache(MAX_REMEMBERED)(self._find)

    def of(self, request: Request) -> str | None:
        """The /24 or /48 that a request comes from. None if it is unknown: it must not be counted anywhere."""
        headers = request.headers
        forwarded = (*headers.all(b"x-forwarded-for"), *headers.all(b"forwarded"))
        if not forwarded:
            found = self._remembered(request.peer)
        elif len(forwarded) == 1 and len(forwarded[0]) <= MAX_REMEMBERED_LENGTH:
            name = b"x-forwarded-for" if b"x-forwarded-for" in headers else b"forwarded"
            found = self._remembered(request.peer, name, forwarded[0])
        else:
            found = self.proxies.network_of(request.peer, headers)
        if isinstance(found, str):
            return found
        self._tell(found)
        return None

    def refuse_plain_http(self, request: Request) -> None:
        """Raise Forbidden (`plain-http`) if a trusted proxy says that the request came to it over plain http."""
        if self.proxies.says_http(request.peer, request.headers):
            raise Forbidden(
                ProblemCode.PLAIN_HTTP,
                "This came over plain http, and others may have read it. Use https; let the proxy refuse plain http.",
            )

    def _find(self, peer: str | None, name: bytes = b"", value: str = "") -> str | Unknown:
        """The network of a request with at most one header that names a client."""
        raw = [(name, value.encode("latin-1"))] if name else []
        return self.proxies.network_of(peer, Headers(raw))

    def _tell(self, unknown: Unknown) -> None:
        if self._quiet or unknown.why in self._reported:
            return
        self._reported.add(unknown.why)
        self._report(NetworkUnknown(at=self._clock.now(), why=unknown.why, fix=FIXES[unknown.why]))
