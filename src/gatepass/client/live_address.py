"""Where a WebSocket of the client may lead: to the origin of the client, as every connection is shown newer tokens."""

from urllib.parse import urlsplit

from websockets.asyncio.client import connect

from gatepass.client.aio import AsyncCalls
from gatepass.client.http import httpx
from gatepass.wire.origin import is_loopback


class Connect(connect):
    """Follows no redirect to another origin: `websockets` removes the header, and newer tokens are shown in band."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The address to go on to, or the error: as it was, where that is another origin."""
        before, found = urlsplit(self.uri), super().process_redirect(exc)
        if isinstance(found, Exception):
            return found
        after = urlsplit(found)
        return found if (after.scheme, after.netloc) == (before.scheme, before.netloc) else exc


def address_of(client: AsyncCalls, url: str) -> str:
    """The whole address of `url`. Raises ValueError for another origin, and where the token would be seen by others."""
    base = client.base_url
    found = base.join(httpx.URL(url.replace("ws", "http", 1) if url.startswith(("ws:", "wss:")) else url))
    if (found.scheme, found.host, found.port) != (base.scheme, base.host, base.port):
        raise ValueError(f"the token is for {base.host} alone, and not for {found.host}")
    if found.scheme != "https" and not is_loopback(str(found)):
        raise ValueError(f"the token would cross the network in the clear: {url}")
    return str(found.copy_with(scheme={"https": "wss", "http": "ws"}[found.scheme]))
