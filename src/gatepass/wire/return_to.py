r"""Whether an address that came with a request is a place of ours: a path of the origin, or an allowed origin.

What looks like a path to one reader may be another host to the next: `//evil.example` and `/\evil.example` to a
browser, `/%2fevil.example` to a proxy that decodes, `/..//evil.example` to one that normalises. So a path must be plain
in every decoding, and everything else is refused rather than mended.
"""

import re
from collections.abc import Collection
from urllib.parse import unquote

MAX_RETURN_TO = 1024
"""Characters. It travels in a cookie, of which browsers keep 4,096 bytes."""
_VISIBLE = re.compile(r"[!-\[\]-~]*", re.ASCII)
"""ASCII without controls, space and the backslash."""
_ODD = re.compile(r"//|/\.{1,2}(/|$)|[\\\x00-\x1f\x7f]")
_MAX_DECODINGS = 5


def is_safe(text: str, *, origins: Collection[str] = (), longest: int = MAX_RETURN_TO) -> bool:
    """Whether the browser may be sent there. `origins` are exact, such as https://app.example.com."""
    if len(text) > longest or not _VISIBLE.fullmatch(text):
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
