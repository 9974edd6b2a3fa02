"""Which pages may send requests that carry cookies: the cross-site rules of PROTOCOL §6.

    Sec-Fetch-Site same-origin          passes
    Sec-Fetch-Site anything else        only with an Origin on the exact allow-list
    no Sec-Fetch-Site                   the Origin must be allowed
    neither                             a native client: the header below is all there is

and always a header that no form and no simple request can send, so every cross-origin attempt needs a
preflight (CORS), which only the allow-list passes.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from gatepass.errors import ConfigurationError, Forbidden
from gatepass.problem_codes import ProblemCode
from gatepass.wire.headers import Headers
from gatepass.wire.idna import ascii_url

Hsts = Literal["subdomains", "host", "off"]
CLIENT_HEADERS = (b"gatepass-proof", b"gatepass-client")
_OWN_SCHEME = re.compile(r"(?!https?:|file:)[a-z][a-z0-9+.-]*://[A-Za-z0-9._~-]+(:[0-9]{1,5})?")
"""An origin of an application shell or of an extension: Capacitor, Ionic, Tauri, Electron, chrome-extension."""
CORS_HEADERS = ("authorization", "content-type", "gatepass-client", "gatepass-proof", "gatepass-session")
"""What the browser client sends to the endpoints: a CORS middleware that answers for them must allow it."""
CORS_EXPOSED = ("Retry-After", "WWW-Authenticate")
"""What it reads of responses."""


def origin_of(url: str) -> str:
    """The origin of a URL (RFC 6454 §6.2). Raises ConfigurationError for a text that has none."""
    try:
        parts = urlsplit(ascii_url(url))
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"not a URL: {url}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigurationError(f"not an http(s) origin: {url}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, where plain http is fit for development."""
    return is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Whether a host is a loopback address or `localhost`. DNS may lead any other name elsewhere (127.evil.example)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def check_public_url(url: str) -> None:
    """Raise ConfigurationError for a public URL that browsers would send cookies to in the clear."""
    try:
        origin = origin_of(url)
    except ConfigurationError as fault:
        raise ConfigurationError(f"`public_url`: {fault}; it must be such as https://example.com.") from None
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"`public_url` must be {origin} alone: cookies and origins know no path, and mailed links have pages of "
            f"their own (`verify_url`, `reset_url`, `email_url`, `recovery_url`): {url}"
        )
    if origin.startswith("http:") and not is_loopback(url):
        raise ConfigurationError(f"`public_url` must be https; plain http is for localhost alone: {url}")


def transport_policy(public_url: str, hsts: Hsts) -> list[tuple[str, str]]:
    """The header that keeps browsers on https for a year (RFC 6797); none over http, where it would mean nothing.

    `subdomains` keeps them all there, as ASVS 3.4.1 asks; `host` this one alone; `off` where a proxy says it.
    """
    if hsts == "off" or not public_url.startswith("https:"):
        return []
    below = "; includeSubDomains" if hsts == "subdomains" else ""
    return [("strict-transport-security", f"max-age={365 * 86_400}{below}")]


def foreign_origin(text: str) -> str:
    """An origin of the allow-list, as browsers spell it. Raises ConfigurationError.

    `null` is refused: every sandboxed frame and every file has that origin.
    """
    if _OWN_SCHEME.fullmatch(text):
        return text
    if text == "null" or text.startswith("file:"):
        raise ConfigurationError(f"not an http(s) origin: {text} is that of every file and of every sandboxed frame")
    origin = origin_of(text)
    spelt = text if text.isascii() else ascii_url(text)
    if origin != spelt or "*" in text:
        raise ConfigurationError(f"an allowed origin is scheme://host[:port] and nothing else: {text}")
    return origin


@dataclass(frozen=True, slots=True)
class Origins:
    """`own` are the origins of the gate itself, `foreign` those that CORS opens it to."""

    own: frozenset[str]
    foreign: frozenset[str]

    @classmethod
    def of(cls, public_url: str, foreign: Iterable[str]) -> "Origins":
        """Own origin from the public URL; on a loopback host both of its usual names."""
        own = {origin_of(public_url)}
        parts = urlsplit(public_url)
        if parts.hostname in ("localhost", "127.0.0.1"):
            port = f":{parts.port}" if parts.port else ""
            own = {origin_of(f"{parts.scheme}://{host}{port}") for host in ("localhost", "127.0.0.1")}
        return cls(frozenset(own), frozenset(map(foreign_origin, foreign)))

    def check(self, headers: Headers) -> None:
        """Raise Forbidden (`cross-site`) unless the request may carry cookies. Reads headers only."""
        if not any(name in headers for name in CLIENT_HEADERS):
            raise cross_site("Send the header Gatepass-Client: 1 or Gatepass-Proof.")
        site = headers.one(b"sec-fetch-site")
        if site == "same-origin":
            return
        origin = headers.one(b"origin")
        if site is None and origin is None:
            return
        if origin not in self.own and origin not in self.foreign:
            raise cross_site("This origin is not allowed here.")

    def check_own(self, headers: Headers) -> None:
        """Raise Forbidden (`cross-site`) unless a page of the gate's own origin caused the request.

        For requests that the browser makes by itself, without a header of ours.
        """
        site, origin = headers.one(b"sec-fetch-site"), headers.one(b"origin")
        if site != "same-origin" and not (site is None and origin in self.own):
            raise cross_site("This is for browsers, for pages of this origin.")

    def check_source(self, headers: Headers, *, beside: Collection[str] = ()) -> None:
        """Raise Forbidden (`cross-site`) for a request with an Origin that is neither allowed nor one of `beside`.

        For routes of the application: a link that is followed, such as a mailed one, has no Origin. A form of a page
        whose Referrer-Policy is no-referrer has the Origin null, at home too.
        """
        if headers.one(b"sec-fetch-site") == "same-origin":
            return
        origin = headers.one(b"origin")
        if origin is not None and origin not in self.own and origin not in self.foreign and origin not in beside:
            raise cross_site("This origin is not allowed here.")

    def cors(self, headers: Headers, *, is_public: bool = False) -> list[tuple[str, str]]:
        """The CORS headers of an answer: an echo for allowed foreign origins; for others none, or `*` in public."""
        others = [("access-control-allow-origin", "*")] if is_public else []
        if not self.foreign:
            return others
        origin = headers.one(b"origin")
        if origin not in self.foreign:
            return [("vary", "Origin"), *others]
        return [
            ("vary", "Origin"),
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", ", ".join(CORS_EXPOSED)),
        ]

    def opens_to(self, headers: Headers) -> bool:
        """Whether a request is the CORS preflight of an allowed foreign origin."""
        return headers.one(b"origin") in self.foreign and b"access-control-request-method" in headers

    def preflight(self, headers: Headers, methods: Collection[str]) -> list[tuple[str, str]] | None:
        """What a preflight from an allowed foreign origin gets beside `cors`; None for everything else."""
        if not self.opens_to(headers):
            return None
        return [
            ("access-control-allow-methods", ", ".join(methods)),
            ("access-control-allow-headers", ", ".join(CORS_HEADERS)),
            ("access-control-max-age", "600"),
        ]


def cross_site(detail: str) -> Forbidden:
    """The refusal of PROTOCOL §6: nothing was read, nothing changed."""
    return Forbidden(ProblemCode.CROSS_SITE, detail)
