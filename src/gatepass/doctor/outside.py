"""The deployment as a browser meets it, through whatever stands before the server: https, headers, cookies, addresses.

With the standard library's client, which follows no redirect and keeps no cookie: what is said is what was answered.
"""

import asyncio
import contextlib
import email.utils
import http.client
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gatepass.doctor.counts import Counts
from gatepass.doctor.finding import Finding, advice, fault, ok
from gatepass.doctor.storage import clocks
from gatepass.settings import Settings
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import is_loopback, origin_of

TIMEOUT = 10
YEAR = 31_536_000
SPOOFED, SPOOFED_NETWORK = "198.51.100.77", "198.51.100.0/24"
"""Reserved for documentation (RFC 5737): nobody's requests come from there."""
HERE = ("127.0.0.0/24", "::/48")


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer. Names of headers are lower case; `cookies` are Set-Cookie values."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]


async def look_from_outside(settings: Settings, url: str, *, mount: str = "/auth") -> AsyncIterator[Finding]:
    """Ask the server at `url`, which must be the one that `settings` are of."""
    public = settings.public_url or ""
    if origin_of(url) != origin_of(public):
        yield fault(
            "address", f"PUBLIC_URL is {public}, and you look at {url}.", "Set PUBLIC_URL to what browsers use."
        )
    try:
        keys = await _ask(url, "GET", f"{mount}/jwks.json")
    except (OSError, http.client.HTTPException) as failure:
        yield fault(
            "address", f"{url} does not answer: {_reason(failure)}.", "Start the server, and look at name and TLS."
        )
        return
    if keys.status != 200:
        yield fault("address", f"{url}{mount} is no Gatepass (status {keys.status}).", "Give the address before /auth.")
        return
    yield ok("address", f"{url}{mount} answers.")
    for finding in _headers(url, keys):
        yield finding
    async for finding in _plain_http(url, mount):
        yield finding
    yield _cookies(settings, await _ask(url, "POST", f"{mount}/logout"))
    yield _readiness(await _ask(url, "GET", "/readyz"))
    async with Counts.of(settings) as counts:
        yield await _addresses(counts, url, mount)


def _headers(url: str, seen: Seen) -> Iterator[Finding]:
    if url.startswith("https:"):
        policy = seen.headers.get("strict-transport-security", "")
        age = next(
            (int(part[8:]) for part in policy.split(";") if part.startswith("max-age=") and part[8:].isdigit()), 0
        )
        if age < YEAR:
            yield fault(
                "https",
                f"Strict-Transport-Security is {policy or 'missing'}.",
                "Leave GATEPASS_HSTS on, and let the proxy pass it.",
            )
        else:
            yield ok("https", f"Strict-Transport-Security: {policy}.")
    if seen.headers.get("x-content-type-options") != "nosniff":
        yield fault("headers", "X-Content-Type-Options is missing.", "Let the proxy pass the server's headers.")
    if "server" in seen.headers and any(character.isdigit() for character in seen.headers["server"]):
        yield advice("headers", "The Server header tells a version.", "Switch it off in the proxy (server_tokens off).")
    sent = email.utils.parsedate_to_datetime(seen.headers["date"]) if "date" in seen.headers else None
    if sent is not None:
        yield clocks("the server", sent.timestamp())


async def _plain_http(url: str, mount: str) -> AsyncIterator[Finding]:
    """Over plain http nothing of ours is answered, not even by a redirect, which would have seen the password."""
    if not url.startswith("https:"):
        return
    try:
        seen = await _ask(f"http://{urlsplit(url).hostname}", "POST", f"{mount}/login")
    except (OSError, http.client.HTTPException):
        yield ok("https", "Plain http is not answered.")
        return
    if seen.status in (301, 302, 303, 307, 308):
        says = "Plain http is redirected: a client with the wrong scheme would not notice what it gave away."
        yield advice("https", says, f"Let the proxy refuse {mount} over http (403 or no listener).")
    elif seen.status < 400 or seen.headers.get("content-type", "").startswith("application/problem+json"):
        yield fault("https", "The endpoints answer over plain http.", "Close port 80, or refuse them there.")
    else:
        yield ok("https", f"Plain http is refused ({seen.status}).")


def _cookies(settings: Settings, seen: Seen) -> Finding:
    """A sign-out without a session clears the cookies: by that one sees how they are named and marked."""
    cookies = Cookies.for_url(settings.public_url or "", path=settings.cookie_path, same_site=settings.same_site)
    name = cookies.refresh_names[0]
    ours = next((cookie for cookie in seen.cookies if cookie.startswith(name + "=")), None)
    if seen.status != 204 or ours is None:
        return fault("cookies", f"The server does not set {name}.", "Let it run with these settings, PUBLIC_URL first.")
    marks = {mark.strip().partition("=")[0].lower() for mark in ours.split(";")[1:]}
    if "httponly" not in marks or (cookies.secure and "secure" not in marks) or "domain" in marks:
        return fault("cookies", "A proxy changes the marks of the cookies.", "Switch off its rewriting of cookies.")
    return ok("cookies", f"{name} arrives as it was sent.")


def _readiness(seen: Seen) -> Finding:
    if seen.status == 200:
        return ok("readiness", "/readyz says that the store can write.")
    if seen.status == 503:
        return fault("readiness", "/readyz says that the store cannot write.", "Look at the server's log.")
    return ok("readiness", "/readyz is not served here; `gatepass serve` has it.")


async def _addresses(counts: Counts, url: str, mount: str) -> Finding:
    """Fail to sign in under a foreign X-Forwarded-For, and look at whose count has risen."""
    networks = (SPOOFED_NETWORK, *HERE, "")
    before = await counts.of_networks(networks)
    if before is None:
        return advice("proxies", "Whose address counts cannot be seen in this store.", "Run this where the store is.")
    body = {"email": f"doctor-{secrets.token_hex(8)}@example.invalid", "password": secrets.token_hex(16)}
    seen = await _ask(url, "POST", f"{mount}/login", body=body, headers={"X-Forwarded-For": SPOOFED})
    if seen.status != 401:
        return advice(
            "proxies", f"A sign-in was answered with {seen.status}; whose address counts is not known.", "Try later."
        )
    after = await counts.of_networks(networks)
    risen = {network for network, was, now in zip(networks, before, after or before, strict=True) if now > was}
    if SPOOFED_NETWORK in risen:
        return fault(
            "proxies",
            "The server believes the X-Forwarded-For that a client sends: whoever likes chooses what he is counted by.",
            "Let the proxy overwrite or append it, and name no network of clients in TRUSTED_PROXIES.",
        )
    if risen and not is_loopback(url):
        return fault(
            "proxies",
            "The server takes your request for one of its own machine: all users share one address, and its limits.",
            "Set TRUSTED_PROXIES to the proxy's network, and let the proxy set X-Forwarded-For.",
        )
    return ok("proxies", "A client cannot choose its address.")


async def _ask(
    url: str,
    method: str,
    path: str,
    *,
    body: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Seen:
    sent = {"Gatepass-Client": "1", "User-Agent": "gatepass-doctor", **(headers or {})}
    text = json.dumps(body) if body is not None else None
    if text is not None:
        sent["Content-Type"] = "application/json"
    return await asyncio.to_thread(_exchange, url, method, path, text, sent)


def _exchange(url: str, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Seen:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT)) as connection:
        connection.request(method, parts.path.rstrip("/") + path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(64 * 1024)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Seen(answer.status, fields, tuple(answer.headers.get_all("set-cookie") or ()))


def _reason(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({failure.verify_message})"
    return str(failure) or type(failure).__name__
