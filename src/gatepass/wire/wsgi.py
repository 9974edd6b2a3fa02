"""WSGI's types, and its environ read as the headers that a client sent (PEP 3333).

The server has joined repeated headers with commas, Cookie headers too; browsers send one, other clients may send more.
The text is latin-1 decoded bytes, as everywhere in `wire/`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from gatepass.wire.cookies import REFRESH_NAMES, Cookies, has_refresh_cookie
from gatepass.wire.links import LINK, AskedLink, split_query

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
"""(status, headers, exc_info=None) → write"""
WSGIApp = Callable[[Environ, Any], Iterable[bytes]]
"""The second argument is a StartResponse, which every framework types in its own way."""


def raw_headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    """The request headers as ASGI has them: names in lower case, bytes."""
    found = [
        (name[5:].replace("_", "-").lower().encode("latin-1"), _bytes(value))
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    ]
    for name, header in (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length")):
        if environ.get(name):
            found.append((header, _bytes(environ[name])))
    return found


def authorizations(environ: Environ) -> list[str]:
    """The Authorization headers, which a server has joined into one: two tokens in it are not a token."""
    text = environ.get("HTTP_AUTHORIZATION")
    return [] if text is None else [text]


def withhold(environ: Environ, cookies: Cookies) -> bytes:
    """Take the refresh cookies out of an environ. Returns the Cookie text that an application must not see."""
    text = environ.get("HTTP_COOKIE")
    if text is None or not has_refresh_cookie(text):
        return b""
    kept, held = cookies.withhold([(b"cookie", _bytes(_unfold(text)))])
    if kept:
        environ["HTTP_COOKIE"] = kept[0][1].decode("latin-1")
    else:
        del environ["HTTP_COOKIE"]
    return held


def withhold_link(environ: Environ, path: str | None = None) -> None:
    """Take the link out of the query, in place. `path`: as in `prepare_environ`.

    Also where servers keep the request line as it came, since they write their access log from there.
    """
    query, link = split_query(environ["QUERY_STRING"])
    if link is None:
        return
    whole = path if path is not None else _decoded(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    environ["QUERY_STRING"] = query
    environ[LINK] = AskedLink(link, environ["REQUEST_METHOD"], whole, query)
    for name in ("RAW_URI", "REQUEST_URI"):
        before, _, asked = environ.get(name, "").partition("?")
        if asked:
            kept, _ = split_query(asked)
            environ[name] = f"{before}?{kept}" if kept else before


def _decoded(text: str) -> str:
    return _bytes(text).decode("utf-8", "replace")


def _unfold(text: str) -> str:
    """Undo the comma by which a server joins Cookie headers, at least beside the refresh cookies."""
    if "," not in text:
        return text
    text = re.sub(rf",(?=\s*(?:{REFRESH_NAMES})\s*=)", ";", text)
    return re.sub(rf"((?:^|;)\s*(?:{REFRESH_NAMES})\s*=[^;,]*),", r"\1;", text)


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")
