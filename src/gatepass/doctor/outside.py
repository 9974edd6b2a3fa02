"""Checks from outside, through the proxies in front of the server: https, headers, cookies, client addresses.

The standard library's client follows no redirect and keeps no cookie, so each finding is about the response itself.
"""

import asyncio
import contextlib
import email.utils
import http.client
import ipaddress
import json
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gatepass.doctor.cookies import check_cookie_path, check_cookies
from gatepass.doctor.counts import Counts
from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.doctor.pages import check_resume_page
from gatepass.doctor.passkeys import check_related_origins
from gatepass.doctor.storage import compare_clocks
from gatepass.doctor.stream import REQUEST_TIMEOUT, check_stream, connection_to
from gatepass.doctor.trailers import check_trailers
from gatepass.settings import Settings
from gatepass.wire.address import Proxies
from gatepass.wire.origin import CORS_HEADERS, origin_of

MIN_HSTS_AGE = 31_536_000
"""Seconds: a year (ASVS 3.4.1)."""
SPOOFED, SPOOFED_NETWORK = "198.51.100.77", "198.51.100.0/24"
"""Reserved for documentation (RFC 5737): no request comes from there."""
COMPRESSED = {"Accept-Encoding": "gzip, br"}
LOOPBACK = ipaddress.ip_address("127.0.0.0")
FORGED = {"X-Forwarded-For": SPOOFED, "Forwarded": f"for={SPOOFED}"}


@dataclass(frozen=True, slots=True)
class Response:
    """Names of headers are lower case; `cookies` are Set-Cookie values."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]


async def check_from_outside(settings: Settings, url: str, *, mount: str = "/auth") -> AsyncIterator[Finding]:
    """Findings about the server at `url`, which must run with `settings`."""
    public = settings.public_url or ""
    if origin_of(url) != origin_of(public):
        yield error(
            "address",
            f"PUBLIC_URL is {public}, and the checked address is {url}.",
            "Set PUBLIC_URL to the address that browsers use.",
        )
    try:
        keys = await _request(url, "GET", f"{mount}/jwks.json")
    except (OSError, http.client.HTTPException) as failure:
        yield error("address", f"{url} does not respond: {_reason(failure)}.", "Start the server; check name and TLS.")
        return
    if keys.status != 200:
        yield error(
            "address", f"{url}{mount} is not Gatepass (status {keys.status}).", "Give the address without /auth."
        )
        return
    yield ok("address", f"{url}{mount} responds.")
    for finding in _check_headers(url, keys):
        yield finding
    try:
        async for finding in _check_further(settings, url, mount):
            yield finding
    except (OSError, http.client.HTTPException) as failure:
        message = f"{url} no longer responds: {_reason(failure)}. The rest is not checked."
        yield error("address", message, "Read the logs of the server and of the proxy, and run this again.")


async def _check_further(settings: Settings, url: str, mount: str) -> AsyncIterator[Finding]:
    """What is asked of a server that has answered once. Raises OSError or HTTPException where it does so no more."""
    async for finding in _check_plain_http(url, mount):
        yield finding
    signed_out = await _request(url, "POST", f"{mount}/logout")
    yield check_cookies(settings, status=signed_out.status, arrived=signed_out.cookies)
    yield check_cookie_path(settings, urlsplit(url).path.rstrip("/") + mount)
    yield await asyncio.to_thread(check_trailers, url, mount)
    if settings.pages:
        page = await _request(url, "GET", f"{settings.auth_path.rstrip('/')}/resume?next=/")
        yield check_resume_page(settings, page.status, page.headers.get("content-type", ""))
    async for finding in _check_cors(settings, url, mount):
        yield finding
    yield _check_readiness(await _request(url, "GET", "/readyz"))
    for finding in _check_compression(await _request(url, "GET", f"{mount}/openapi.json", headers=COMPRESSED)):
        yield finding
    for finding in await asyncio.to_thread(check_stream, settings, url, mount):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(check_related_origins(settings))):
        yield finding
    async with Counts.of(settings) as counts:
        yield await _check_addresses(counts, url, mount, Proxies.parse(settings.trusted_proxies))


def _check_headers(url: str, response: Response) -> Iterator[Finding]:
    if url.startswith("https:"):
        policy = response.headers.get("strict-transport-security", "")
        age = next(
            (int(part[8:]) for part in policy.split(";") if part.startswith("max-age=") and part[8:].isdigit()), 0
        )
        if age < MIN_HSTS_AGE:
            yield error(
                "https",
                f"Strict-Transport-Security is {policy or 'missing'}.",
                "Leave GATEPASS_HSTS on, and let the proxy pass the header on.",
            )
        else:
            yield ok("https", f"Strict-Transport-Security: {policy}.")
    if response.headers.get("x-content-type-options") != "nosniff":
        yield error("headers", "X-Content-Type-Options is missing.", "Let the proxy pass the server's headers on.")
    if "server" in response.headers and any(character.isdigit() for character in response.headers["server"]):
        yield advice(
            "headers", "The Server header contains a version.", "Switch it off in the proxy (server_tokens off)."
        )
    sent = email.utils.parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else None
    if sent is not None:
        yield compare_clocks("the server", sent.timestamp())


async def _check_plain_http(url: str, mount: str) -> AsyncIterator[Finding]:
    """Plain http must be refused. A redirect is too late: the password has already been sent unencrypted."""
    if not url.startswith("https:"):
        return
    try:
        response = await _request(f"http://{urlsplit(url).hostname}", "POST", f"{mount}/login")
    except (OSError, http.client.HTTPException):
        yield ok("https", "Plain http is refused: no connection.")
        return
    if response.status in (301, 302, 303, 307, 308):
        message = "Plain http is redirected: a client with the wrong scheme sends the password unencrypted, unnoticed."
        yield advice("https", message, f"Let the proxy refuse {mount} over http (403 or no listener).")
    elif response.status < 400 or response.headers.get("content-type", "").startswith("application/problem+json"):
        yield error("https", "The endpoints respond over plain http.", "Close port 80, or refuse them there.")
    else:
        yield ok("https", f"Plain http is refused ({response.status}).")


async def _check_cors(settings: Settings, url: str, mount: str) -> AsyncIterator[Finding]:
    """Ask as a page of each allowed origin does before it signs in. A proxy or a CORS middleware may answer instead."""
    for origin in settings.origins:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, gatepass-client",
        }
        response = await _request(url, "OPTIONS", f"{mount}/login", headers=asked)
        headers = response.headers
        allowed = {name.strip().lower() for name in headers.get("access-control-allow-headers", "").split(",")}
        is_open = (
            response.status in (200, 204)
            and headers.get("access-control-allow-origin") == origin
            and headers.get("access-control-allow-credentials") == "true"
            and {"content-type", "gatepass-client"} <= allowed
        )
        if is_open:
            yield ok("cors", f"Pages of {origin} may sign in.")
        else:
            yield error(
                "cors",
                f"Pages of {origin} cannot sign in: the response to their preflight ({response.status}) is not ours.",
                "Let the proxy and the application's CORS middleware pass OPTIONS below the mount on, or allow "
                f"credentials and these headers there: {', '.join(CORS_HEADERS)}.",
            )


def _check_readiness(response: Response) -> Finding:
    if response.status == 200:
        return ok("readiness", "/readyz reports that the store can write.")
    if response.status == 503:
        return error("readiness", "/readyz reports that the store cannot write.", "Read the server's log.")
    return ok("readiness", "/readyz is not served here; `gatepass serve` has it.")


def _check_compression(response: Response) -> Iterator[Finding]:
    encoding = response.headers.get("content-encoding")
    if encoding is not None:
        yield advice(
            "headers",
            f"A proxy compresses the responses ({encoding}): their length then tells of the tokens in them (BREACH).",
            "Switch it off for these paths (nginx: gzip off).",
        )


async def _check_addresses(counts: Counts, url: str, mount: str, proxies: Proxies) -> Finding:
    """Fail to sign in with each header that names a client, forged, and see whether the count of its network rises.

    The request must come from an address that is no trusted proxy: of those anything is believed, and rightly so.
    """
    try:
        source = await asyncio.to_thread(untrusted_source, url, proxies)
    except OSError as failure:
        return advice("proxies", f"{url} does not respond: {_reason(failure)}.", "Try later.")
    if source is None:
        message = "This machine is one of TRUSTED_PROXIES: from here X-Forwarded-For is believed, as it should be."
        return advice("proxies", message, "To see whether other clients are believed, run this on another machine.")
    for header, value in FORGED.items():
        before = await counts.of_networks([SPOOFED_NETWORK])
        if before is None:
            message = "The counts of this store cannot be read from here."
            return advice("proxies", message, "Run this where the store is.")
        body = {"email": f"doctor-{secrets.token_hex(8)}@example.invalid", "password": secrets.token_hex(16)}
        sent = {header: value}
        response = await _request(url, "POST", f"{mount}/login", body=body, headers=sent, source=source)
        if response.status != 401:
            message = f"A failed sign-in got status {response.status}, so the counted address is unknown."
            return advice("proxies", message, "Try later.")
        after = await counts.of_networks([SPOOFED_NETWORK])
        if after is not None and after[0] > before[0]:
            return error(
                "proxies",
                f"The server believes the {header} of a client: clients can choose the address they are counted by.",
                f"Let the proxy overwrite or append {header}, and name no network of clients in TRUSTED_PROXIES. If "
                "none is named, the server under the application reads it: start uvicorn with --no-proxy-headers.",
            )
    return ok("proxies", "A client cannot choose its address.")


def untrusted_source(url: str, proxies: Proxies) -> str | None:
    """An address of this machine from which `url` can be reached and that is no trusted proxy; None if there is none.

    A machine has 16 million loopback addresses, and a proxy on it connects from one. Raises OSError.
    """
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    with socket.create_connection(place, timeout=REQUEST_TIMEOUT) as probe:
        usual = str(probe.getsockname()[0])
    others = [str(LOOPBACK + number) for number in range(2, 255)] if usual == str(LOOPBACK + 1) else []
    for address in (usual, *others):
        if proxies.trusts(ipaddress.ip_address(address)):
            continue
        with contextlib.suppress(OSError):  # systems other than Linux have but one
            socket.create_connection(place, timeout=REQUEST_TIMEOUT, source_address=(address, 0)).close()
            return address
    return None


async def _request(
    url: str,
    method: str,
    path: str,
    *,
    body: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    source: str = "",
) -> Response:
    sent = {"Gatepass-Client": "1", "User-Agent": "gatepass-doctor", **(headers or {})}
    text = json.dumps(body) if body is not None else None
    if text is not None:
        sent["Content-Type"] = "application/json"
    return await asyncio.to_thread(_exchange, url, method, path, text, sent, (source, 0) if source else None)


def _exchange(
    url: str,
    method: str,
    path: str,
    body: str | None,
    headers: Mapping[str, str],
    source: tuple[str, int] | None,
) -> Response:
    with contextlib.closing(connection_to(url, source)) as connection:
        connection.request(method, urlsplit(url).path.rstrip("/") + path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(64 * 1024)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, fields, tuple(answer.headers.get_all("set-cookie") or ()))


def _reason(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({failure.verify_message})"
    return str(failure) or type(failure).__name__
