"""Whether this process lives, and whether it can do its work: unauthenticated, uncached, silent."""

from collections.abc import Awaitable, Callable

from gatepass.errors import StoreUnavailable
from gatepass.server.endpoints.sessions import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies


async def healthz(_request: Request) -> Reply:
    """`GET /healthz`: the process answers. Says nothing of the store: a restart would not mend that."""
    return Reply(200, bodies.dump({"status": "ok"}))


def readyz(ping: Callable[[], Awaitable[None]]) -> Endpoint:
    """`GET /readyz`: the store can write now; else 503, so that a balancer sends nobody here."""

    async def endpoint(_request: Request) -> Reply:
        try:
            await ping()
        except StoreUnavailable as ill:
            return Reply.of(ill)
        return Reply(200, bodies.dump({"status": "ready"}))

    return endpoint
