"""The addresses to which a sign-in elsewhere sends the browser, with what it must know in the query."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

PARAMETER = "gatepass_error"
"""The query parameter that tells the page why no session began."""
NEWS_PARAMETER = "gatepass_signed_in"
"""The query parameter that tells a page of another host than the API at which host a session has begun."""


def with_error(return_to: str, code: str) -> str:
    """The address with the code of a problem in its query."""
    return _with(return_to, PARAMETER, quote(code))


def with_news(address: str, *, api: str) -> str:
    """The address with the news that a session has begun, if it is a page of another host than `api`, an origin.

    Such a page cannot read the state cookie, so it must be told to ask (PROTOCOL §5).
    """
    there = urlsplit(api)
    try:
        host = urlsplit(address).hostname
    except ValueError:  # not ours to judge: an application redirects where it wants
        return address
    if host is None or host == there.hostname:
        return address
    return _with(address, NEWS_PARAMETER, quote(there.netloc, safe=""))


def _with(address: str, name: str, value: str) -> str:
    """The address with one parameter at the end of its query, which stood nowhere else in it."""
    before, mark, fragment = address.partition("#")
    path, _, query = before.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in (PARAMETER, NEWS_PARAMETER)]
    return f"{path}?{'&'.join([*kept, f'{name}={value}'])}{mark}{fragment}"


def with_query(address: str, parameters: Mapping[str, str]) -> str:
    """An endpoint of a provider with more parameters than it has already (RFC 6749 §3.1)."""
    return address + ("&" if "?" in address else "?") + urlencode(parameters)
