"""The addresses to which a sign-in elsewhere sends the browser, with what it must know in the query."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

PARAMETER = "gatepass_error"
"""The query parameter that tells the page why nobody was signed in."""


def with_error(return_to: str, code: str) -> str:
    """The address with the code of a problem in its query."""
    before, mark, fragment = return_to.partition("#")
    address, _, query = before.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != PARAMETER]
    return f"{address}?{'&'.join([*kept, f'{PARAMETER}={quote(code)}'])}{mark}{fragment}"


def with_query(address: str, parameters: Mapping[str, str]) -> str:
    """An endpoint of a provider with more parameters than it has already (RFC 6749 §3.1)."""
    return address + ("&" if "?" in address else "?") + urlencode(parameters)
