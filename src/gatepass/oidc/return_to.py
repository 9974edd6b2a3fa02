r"""Where the browser may go after a sign-in elsewhere: a path of the gate's own origin, or an allowed origin.

What looks like a path to one reader may be another host to the next: `//evil.example` and `/\evil.example` to a
browser, `/%2fevil.example` to a proxy that decodes, `/..//evil.example` to one that normalises. So a path must be plain
in every decoding, and everything else is refused rather than mended.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

MAX_RETURN_TO = 1024
"""Characters. It travels in a cookie, of which browsers keep 4,096 bytes."""
PARAMETER = "gatepass_error"
"""The query parameter that tells the page why nobody was signed in."""
NEWS_PARAMETER = "gatepass_signed_in"
"""The query parameter that tells a page of another host than the API at which host a session has begun."""
_VISIBLE = re.compile(r"[!-\[\]-~]*", re.ASCII)
"""ASCII without controls, space and the backslash."""
_ODD = re.compile(r"//|/\.{1,2}(/|$)|[\\\x00-\x1f\x7f]")
_MAX_DECODINGS = 5


def is_safe(text: str, *, origins: Collection[str]) -> bool:
    """Whether the browser may be sent there. `origins` are exact, such as https://app.example.com."""
    if len(text) > MAX_RETURN_TO or not _VISIBLE.fullmatch(text):
        return False
    for origin in origins:
        rest = text[len(origin) :]
        if text.startswith(origin) and rest[:1] in ("", "/", "?", "#"):
            return _is_plain_path(rest or "/")
    return text.startswith("/") and _is_plain_path(text)


def _is_plain_path(text: str) -> bool:
    path = re.split("[?#]", text, maxsplit=1)[0]
    for _ in range(_MAX_DECODINGS):
        if _ODD.search(path):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


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
