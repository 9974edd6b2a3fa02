"""Splits the URL of a store, which may name several hosts.

    redis+sentinel://:secret@s1:26379,[::1]:26379/main

`urllib.parse.urlsplit` takes one host: Python versions differ in what they make of an IPv6 address after a comma, and
later ones refuse it.
"""

from urllib.parse import SplitResult, urlsplit


def split_url(url: str) -> SplitResult:
    """As `urlsplit`, whatever the hosts are; they stay in `netloc`. Raises ValueError."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return urlsplit(url)
    end = min((rest.index(sign) for sign in "/?#" if sign in rest), default=len(rest))
    return urlsplit(f"{scheme}://{rest[end:]}")._replace(netloc=rest[:end])
