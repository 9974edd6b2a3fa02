"""Headers onto the response of any framework. Cookies go out as they are, in headers of their own.

    a list of pairs                          the headers of `start_response`, or of an ASGI message
    {"type": "http.response.start", …}       an ASGI message
    .cookies of the standard library         Django
    .cookies as a list, .headers as a dict   Litestar
    .headers with add or append              Starlette, FastAPI, Flask, Quart, aiohttp

A framework is known by how it keeps what is set on a response, so none is imported.
"""

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from http.cookies import BaseCookie, Morsel
from typing import Any

Pairs = Sequence[tuple[str, str]]


def put_headers(response: object, pairs: Pairs) -> None:
    """Add the Set-Cookie headers among `pairs`, and set the others. Raises TypeError for what is no response."""
    headers, cookies = getattr(response, "headers", None), getattr(response, "cookies", None)
    adds = getattr(headers, "add", None) or getattr(headers, "append", None)
    if isinstance(response, list):
        _extend(response, pairs)
    elif isinstance(response, MutableMapping) and response.get("type") == "http.response.start":
        response["headers"] = list(response.get("headers", ()))
        _extend(response["headers"], [*pairs], binary=True)
    elif isinstance(headers, list):
        _extend(headers, pairs)
    elif callable(adds) and headers is not None:
        for value in _cookies_of(pairs):
            adds("set-cookie", value)
        _set_others(headers, pairs)
    elif isinstance(cookies, BaseCookie) and hasattr(headers, "__setitem__"):
        put_morsels(cookies, _cookies_of(pairs))
        _set_others(headers, pairs)
    elif isinstance(cookies, list) and isinstance(headers, MutableMapping):
        cookies.extend(map(EncodedCookie, _cookies_of(pairs)))
        _set_others(headers, pairs)
    else:
        raise TypeError(
            f"onto takes the response of the framework, not a {type(response).__name__}: make one (in Flask "
            "make_response(...), in FastAPI JSONResponse(...)), and return what onto returns"
        )


def change_location(response: object, change: Callable[[str], str]) -> None:
    """Change the Location header of a redirect of any framework; other responses stay as they are."""
    headers, url = getattr(response, "headers", None), getattr(response, "url", None)
    if isinstance(response, MutableMapping):
        headers = response.get("headers")
    elif isinstance(response, list):
        headers = response
    if isinstance(headers, list):
        headers[:] = [
            (name, _changed(value, change) if _lower(name) == "location" else value) for name, value in headers
        ]
    elif headers is not None and "location" in headers:
        headers["location"] = change(headers["location"])
    elif isinstance(url, str) and 300 <= (getattr(response, "status_code", None) or 0) < 400:  # Litestar's Redirect
        response.url = change(url)  # type: ignore[attr-defined]


def put_morsels(cookies: "BaseCookie[str]", values: Iterable[str]) -> None:
    """Add Set-Cookie values, as they are, to cookies of the standard library, which knows one of each name alone."""
    for value in values:
        morsel = SetCookie(value)
        key, place = morsel.key, 1
        while key in cookies and not _is_same(cookies[key], value):
            place += 1
            key = f"{morsel.key} {place}"
        dict.__setitem__(cookies, key, morsel)


class SetCookie(Morsel[str]):
    """A Set-Cookie value as it is: the standard library would make one of two that differ in their path."""

    def __init__(self, text: str) -> None:
        super().__init__()
        name, _, value = text.partition(";")[0].partition("=")
        self.set(name, value, value)
        self._text = text

    def output(self, attrs: Any = None, header: str = "Set-Cookie:") -> str:
        """The whole header, or the value alone."""
        return f"{header} {self._text}".lstrip()

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 (the base's name)
        """The value of the header, as Django's handlers ask for it."""
        return self._text


class EncodedCookie:
    """A Set-Cookie value as it is, among the cookies of a Litestar response."""

    documentation_only = False

    def __init__(self, text: str) -> None:
        self._text = text
        self.key, _, self.value = text.partition(";")[0].partition("=")

    def to_encoded_header(self) -> tuple[bytes, bytes]:
        """The header as it is sent."""
        return b"set-cookie", self._text.encode("latin-1")


def _is_same(there: "Morsel[str]", value: str) -> bool:
    return isinstance(there, SetCookie) and there.OutputString() == value


def _cookies_of(pairs: Pairs) -> list[str]:
    return [value for name, value in pairs if name == "set-cookie"]


def _set_others(headers: Any, pairs: Pairs) -> None:
    for name, value in pairs:
        if name == "set-cookie":
            continue
        if isinstance(headers, dict):  # of Litestar: it may have the name in another case
            for other in [each for each in headers if each.lower() == name]:
                del headers[other]
        headers[name] = value


def _extend(there: list[Any], pairs: Pairs, *, binary: bool = False) -> None:
    binary = binary or any(isinstance(name, bytes) for name, _ in there)
    others = {name for name, _ in pairs if name != "set-cookie"}
    kept = [(name, value) for name, value in there if _lower(name) not in others]
    new = [(name.encode(), value.encode("latin-1")) if binary else (name.title(), value) for name, value in pairs]
    there[:] = [*kept, *new]


def _changed(value: str | bytes, change: Callable[[str], str]) -> str | bytes:
    return change(value.decode("latin-1")).encode("latin-1") if isinstance(value, bytes) else change(value)


def _lower(name: str | bytes) -> str:
    return (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
