"""What is kept of where a request comes from: a coarse address and a coarse name of the client.

Enough for owners to recognise a device in a list, too little to track them (ASVS 7.5.2, 14.2.6).
"""

import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence

from gatepass.errors import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_BROWSERS = (  # particular ones first: most browsers claim to be Chrome or Safari too
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("; iOS ", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]|%20){0,31}")


def client_label(user_agent: str | None) -> str:
    """A few words such as "Firefox on Linux", taken from the tables above, or one plain product name."""
    text = user_agent or ""
    client = next((name for mark, name in _BROWSERS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if client is None and not text.startswith("Mozilla/"):
        product = _PRODUCT.match(text)
        client = product.group().replace("%20", " ").strip() if product else None
    client = client or "Unknown client"
    return f"{client} on {system}" if system else client


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of the client: the socket's or, behind trusted proxies, that of the last hop that is not trusted.

    `forwarded` are the X-Forwarded-For values; they count only as far as trusted proxies wrote them.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    address = peer or ""
    while hops and _is_within(address, trusted):
        address = hops.pop()
    return address


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of trusted proxies, such as 10.0.0.0/8. Raises ConfigurationError."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as fault:
        raise ConfigurationError(f"`trusted_proxies`: {fault}") from None


@functools.lru_cache(maxsize=4096)
def coarse(address: str) -> str:
    """The /24 or /48 that an address lies in; "" for what is no address (a Unix socket)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{length}", strict=False))


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
