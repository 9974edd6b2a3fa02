"""Host names with letters beyond ASCII, as the network spells them: bücher.example is xn--bcher-kva.example.

Browsers send the ASCII form in Origin, DNS and most mail servers know no other. So every host that is configured or
mailed to is converted here, as browsers do it (UTS #46, non-transitional: faß.example is not fass.example).
"""

from urllib.parse import urlsplit, urlunsplit

import idna


def ascii_host(host: str) -> str:
    """The ASCII form of a host name in lower case. Raises ValueError for a name that has none."""
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as fault:
        raise ValueError(f"not a host name: {fault}") from None


def ascii_url(url: str) -> str:
    """The URL with the ASCII form of its host. Raises ValueError."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.hostname.isascii():
        return url
    user, at, place = parts.netloc.rpartition("@")
    _, colon, port = place.partition(":")  # such a host is no IPv6 address
    return urlunsplit(parts._replace(netloc=f"{user}{at}{ascii_host(parts.hostname)}{colon}{port}"))
