"""Whether the stream of revocations arrives as it is sent: a proxy that collects it lets services hear too late."""

import contextlib
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from gatepass.doctor.finding import Finding, error, ok
from gatepass.settings import Settings

REQUEST_TIMEOUT = 10
"""Seconds. A stream that is passed on begins at once, and goes on every three seconds."""


def check_stream(settings: Settings, url: str, mount: str) -> Iterator[Finding]:
    """A finding, if services follow the revocations of this server."""
    secrets = settings.arguments()["secrets"].feed
    if not secrets:
        return
    headers = {"Authorization": f"Bearer {secrets[0]}", "Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    with contextlib.closing(connection_to(url, None)) as connection:
        try:
            connection.request("GET", urlsplit(url).path.rstrip("/") + f"{mount}/revocations", headers=headers)
            response = connection.getresponse()
            first = response.readline() if response.status == 200 else b""
        except (OSError, http.client.HTTPException):
            yield error(
                "stream",
                f"No event of {mount}/revocations arrives within {REQUEST_TIMEOUT} s: a proxy collects the stream.",
                "Switch off its buffering of responses (nginx: proxy_buffering, unless it honours X-Accel-Buffering).",
            )
            return
    if response.status == 503:
        return  # the check of readiness says why
    if response.status != 200 or not first.startswith(b"event:"):
        message = f"{mount}/revocations is not the stream of this server (status {response.status})."
        yield error("stream", message, "Use one REVOCATION_FEED_SECRET everywhere, and compress no event stream.")
    else:
        yield ok("stream", "The stream of revocations arrives as it is sent.")


def connection_to(url: str, source: tuple[str, int] | None) -> http.client.HTTPConnection:
    """A connection to the host of a URL, which is opened by its first request."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=REQUEST_TIMEOUT, source_address=source)
