r"""Where the browser may go after a sign-in elsewhere: a path of the gate's own origin, or an allowed origin.

What looks like a path to one reader may be another host to the next: `//evil.example` and `/\evil.example` to a
browser, `/%2fevil.example` to a proxy that decodes, `/..//evil.example` to one that normalises. So a path must be plain
in every decoding, and everything else is refused rather than mended.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote, urlencode

MAX_RETURN_TO = 1024
"""Characters. It travels in a cookie, of which browsers keep 4,096 bytes."""
PARAMETER = "gatepass_error"
"""The query parameter that tells the page why nobody was signed in."""
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
    before, mark, fragment = return_to.partition("#")
    address, _, query = before.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != PARAMETER]
    return f"{address}?{'&'.join([*kept, f'{PARAMETER}={quote(code)}'])}{mark}{fragment}"


def with_query(address: str, parameters: Mapping[str, str]) -> str:
    """An endpoint of a provider with more parameters than it has already (RFC 6749 §3.1)."""
    return address + ("&" if "?" in address else "?") + urlencode(parameters)
