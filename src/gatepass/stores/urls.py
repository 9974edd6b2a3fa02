"""Splits the URL of a store, which may name several hosts.

    redis+sentinel://:secret@s1:26379,[::1]:26379/main

`urllib.parse.urlsplit` takes one host: Python versions differ in what they make of an IPv6 address after a comma, and
later ones refuse it.
"""

import os
import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from gatepass.wire.origin import is_loopback_host


def split_url(url: str) -> SplitResult:
    """As `urlsplit`, whatever the hosts are; they stay in `netloc`. Raises ValueError."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return urlsplit(url)
    end = min((rest.index(sign) for sign in "/?#" if sign in rest), default=len(rest))
    return urlsplit(f"{scheme}://{rest[end:]}")._replace(netloc=rest[:end])


def remote_hosts(hosts: str) -> list[str]:
    """Of the hosts of a URL, separated by commas, those that are not this machine. A path is a Unix socket on it."""
    names = [re.sub(r":[0-9]*$", "", host) if host.count(":") < 2 or "]" in host else host for host in hosts.split(",")]
    return [
        name
        for name in names
        if not (name.startswith(("/", "%2F", "%2f")) or is_loopback_host(unquote(name).strip("[]")))
    ]


def remote_hosts_of(url: str) -> list[str]:
    """The hosts of a store's URL that are not this machine. Raises ValueError."""
    parts = split_url(url)
    if parts.scheme in ("memory", "sqlite"):
        return []
    hosts = parts.netloc.rpartition("@")[2]
    if not hosts and parts.scheme in ("postgresql", "postgres"):
        hosts = parse_qs(parts.query).get("host", [""])[0] or os.environ.get("PGHOST", "")
    return remote_hosts(hosts or "localhost")
