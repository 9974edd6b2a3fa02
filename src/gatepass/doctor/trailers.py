"""Whether a field behind a chunked body (a trailer) becomes a header on its way to the endpoints.

A proxy that sets and strips headers has not seen such a field. Where the server under the application takes it for a
header, clients write headers that only the proxy may: X-Forwarded-For, or who the user is. What is tried changes
nothing: a sign-out without a session, whose header of ours is missing and stands behind the body.
"""

import contextlib
import http.client
from urllib.parse import urlsplit

from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.doctor.stream import connection_to

TRAILER = b"Gatepass-Client: 1\r\n"
"""Without this header the endpoints refuse a request that may carry cookies."""
REFUSED = 403


def check_trailers(url: str, mount: str) -> Finding:
    """A finding about the server at `url`. Raises OSError, HTTPException."""
    without = _status(url, mount, b"")
    if without != REFUSED:
        message = f"A chunked request gets status {without} here, so trailers cannot be tried."
        if without >= 400:
            return ok("trailers", message)
        return advice("trailers", message, "Let the proxy add no header Gatepass-Client to the requests of clients.")
    forged = _status(url, mount, TRAILER)
    if forged >= 400:
        return ok("trailers", "A field behind a chunked body becomes no header.")
    return error(
        "trailers",
        "A field behind a chunked body becomes a header: clients write headers that the proxy has not seen, such as "
        "X-Forwarded-For.",
        "Serve with `gatepass serve`, or with uvicorn --http h11; or behind a proxy that drops such fields, as nginx.",
    )


def _status(url: str, mount: str, trailer: bytes) -> int:
    """The status of the answer. The request is sent at once: else the endpoint may look before the trailer is there."""
    parts = urlsplit(url)
    request = (
        f"POST {parts.path.rstrip('/')}{mount}/logout HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
        "User-Agent: gatepass-doctor\r\nContent-Type: application/json\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    ).encode()
    with contextlib.closing(connection_to(url, None)) as connection:
        connection.connect()
        connection.sock.sendall(request + trailer + b"\r\n")
        response = http.client.HTTPResponse(connection.sock, method="POST")
        with contextlib.closing(response):
            response.begin()
            return response.status
